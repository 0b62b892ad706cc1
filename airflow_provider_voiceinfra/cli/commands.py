"""The commands and their arguments, as data: Airflow's command line and our own are built from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_voiceinfra.store.lists.row_values import RowState
from airflow_provider_voiceinfra.store.models import CallState


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a command, as argparse takes it."""

    flags: tuple[str, ...]
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Command:
    """A command, or a group of commands.

    :param run: ``module:function`` in this package, imported when the command is run; the function takes the parsed
        arguments and returns the exit status.
    """

    name: str
    help: str
    run: str = ""
    arguments: tuple[Argument, ...] = ()
    commands: tuple[Command, ...] = ()


def argument(*flags: str, **options: Any) -> Argument:
    """Describe an argument."""
    return Argument(flags, options)


def _listening_on(port: int) -> tuple[Argument, ...]:
    return (
        argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"),
        argument("--port", type=int, default=port, help="port to listen on (default: %(default)s)"),
    )


_SCOPES = (
    argument("--all", action="store_true", help="every call"),
    argument("--connection", metavar="CONN_ID", help="calls of this connection"),
    argument("--agent", metavar="AGENT_ID", help="calls of this agent"),
    argument("--dag", metavar="DAG_ID", help="calls of this DAG"),
    argument("--list", metavar="LIST_ID", help="calls of this call list, whose id is in its task's log and XCom"),
)

_REGION = argument("--region", help="country of a number without a country code, such as US")
_NUMBER = (argument("number", help="such as +14155550100"), _REGION)
_REASON = argument("--reason", default="", help="for the record")

_LIST_ID = argument("list_id", help="vl_…, in its task's log and XCom")
_OUTPUT = argument(
    "-o",
    "--output",
    choices=["table", "json", "yaml", "plain"],
    default="table",
    help="format (default: %(default)s)",
)

_FILTERS = (
    argument("--dag", help="placed by this DAG"),
    argument("--list", help="of this call list"),
    argument("--state", choices=[state.value for state in CallState], help="in this state"),
    argument("--outcome", help="completed with this outcome, such as answered, voicemail or failed"),
    argument("--number", help="to this number, in E.164, or to those that end with these digits"),
    argument("--since", help="claimed at this time or later, such as 2026-11-23 or 2026-11-23T15:00+01:00"),
    argument("--until", help="claimed before this time"),
)

_ALL_ENVIRONMENTS = argument(
    "--all-environments", action="store_true", help="every environment of the call store, not only this one"
)

COMMANDS = (
    Command(
        "demo",
        "Start the sandbox and a real Airflow, and watch a DAG place simulated calls",
        "demo.demo_command:run",
        (
            argument("--home", help="AIRFLOW_HOME of the demo (default: a temporary folder)"),
            argument("--exit", action="store_true", help="exit after printing the table, without waiting for Ctrl-C"),
        ),
    ),
    Command(
        "doctor",
        "Check store, connections, API key, webhooks, receiver and triggerer; exits with 1 if there is a problem",
        "cli.doctor_command:run",
        (
            argument(
                "--connection",
                metavar="CONN_ID",
                action="append",
                help="a connection to check; may be repeated (default: [voiceinfra] webhook_conn_ids)",
            ),
            argument("--receiver-url", metavar="URL", help="the receiver's /health (default: that of the API server)"),
        ),
    ),
    Command(
        "sandbox",
        "Run a simulated VoiceInfra with the documented API and webhooks; no phone rings",
        "sandbox.sandbox_command:run",
        (
            *_listening_on(8099),
            argument(
                "--webhook-url",
                default="http://127.0.0.1:8080/voiceinfra/webhook",
                help="where completions are sent (default: %(default)s)",
            ),
            argument("--secret", help="secret of the webhooks (default: sandbox-secret- and the port)"),
            argument("--api-key", default="sandbox-key", help="accepted API key (default: %(default)s)"),
            argument(
                "--delay", default="2-5", help="duration of a call in seconds, such as 3 or 2-5 (default: %(default)s)"
            ),
            argument("--slow-answer", type=float, default=45.0, help="seconds of a slow answer (default: %(default)s)"),
            argument("--late", type=float, default=60.0, help="seconds of a late webhook (default: %(default)s)"),
            argument(
                "--agent",
                dest="agents",
                metavar="ID",
                action="append",
                help="an agent that exists; may be repeated (default: agent_sandbox)",
            ),
            argument(
                "--from-number",
                dest="from_numbers",
                metavar="NUMBER",
                action="append",
                help="a number of the account; may be repeated (default: +14155550199)",
            ),
        ),
    ),
    Command(
        "receiver",
        "Run the webhook receiver on its own, without Airflow; its secrets come from the environment",
        "cli.receiver_command:run",
        (
            *_listening_on(8088),
            argument("--workers", type=int, default=1, help="number of processes (default: %(default)s)"),
        ),
    ),
    Command(
        "calls",
        "Inspect and resolve calls",
        commands=(
            Command(
                "list",
                "List calls, newest first",
                "cli.calls_command:list_calls",
                (*_FILTERS, argument("--limit", type=int, default=50, help="(default: %(default)s)"), _OUTPUT),
            ),
            Command(
                "show",
                "Show one call and its history",
                "cli.calls_command:show",
                (argument("ref", help="vc_… or a call_id"),),
            ),
            Command(
                "resolve",
                "Resolve unknown calls",
                "cli.calls_command:resolve",
                (
                    argument("refs", metavar="ref", nargs="+", help="vc_…; more than one only with --not-placed"),
                    argument("--call-id", help="the call was placed: its call_id in VoiceInfra's call log"),
                    argument("--not-placed", action="store_true", help="the calls were not placed, and may be dialled"),
                ),
            ),
            Command(
                "export",
                "Export every step of every call, for audits",
                "cli.calls_command:export",
                (
                    *_FILTERS,
                    _ALL_ENVIRONMENTS,
                    argument("--format", choices=["jsonl", "csv"], default="jsonl", help="(default: %(default)s)"),
                ),
            ),
        ),
    ),
    Command(
        "pause",
        "Stop new calls of a scope",
        "cli.pause_command:pause",
        (
            *_SCOPES,
            argument("--reason", help="shown with each call that waits"),
            argument("--until", metavar="TIME", help="when it ends by itself, such as '2026-12-01 09:00' (local time)"),
            argument("--force", action="store_true", help="pause a name that the store does not know yet"),
        ),
    ),
    Command(
        "resume",
        "Let new calls be placed again",
        "cli.pause_command:resume",
        (*_SCOPES, argument("--cancel", action="store_true", help="cancel the calls that wait")),
    ),
    Command(
        "pauses",
        "Inspect pauses",
        commands=(Command("list", "List the pauses in force", "cli.pause_command:list_pauses", (_OUTPUT,)),),
    ),
    Command(
        "lists",
        "Inspect call lists, and redial rows that have ended",
        commands=(
            Command("list", "List the newest call lists and their states", "cli.lists_command:list_lists", (_OUTPUT,)),
            Command(
                "show",
                "Show the state of a call list, and its rows by result",
                "cli.lists_command:show",
                (_LIST_ID, _OUTPUT),
            ),
            Command(
                "rows",
                "List the rows of a call list with their keys and masked numbers",
                "cli.lists_command:show_rows",
                (
                    _LIST_ID,
                    argument("--state", choices=[state.value for state in RowState], help="in this state"),
                    argument("--result", help="with this result, or set aside for this reason"),
                    _OUTPUT,
                ),
            ),
            Command(
                "redial",
                "Make rows that have ended due again, as a new attempt",
                "cli.lists_command:redial",
                (
                    _LIST_ID,
                    argument("refs", metavar="ref", nargs="*", help="vc_…, of a row's latest call; may be overdue"),
                    argument("--result", help="all rows with this result, such as failed, voicemail or rejected"),
                ),
            ),
        ),
    ),
    Command(
        "dnc",
        "Manage the do-not-call list, which applies in all environments of the call store",
        commands=(
            Command("add", "Put a number on the list", "cli.dnc_command:add", (*_NUMBER, _REASON)),
            Command("remove", "Take a number off the list", "cli.dnc_command:remove", (*_NUMBER, _REASON)),
            Command(
                "list",
                "List the numbers, masked, or the history of one",
                "cli.dnc_command:list_numbers",
                (argument("number", nargs="?", help="show who added and removed this number"), _REGION, _OUTPUT),
            ),
            Command(
                "import",
                "Put the numbers of a file on the list: one per line, or a CSV column; exits with 1 if any is invalid",
                "cli.dnc_command:import_numbers",
                (
                    argument("file", help="UTF-8, with a header or without"),
                    argument("--column", help="name of the numbers' column (default: a common name, or the first)"),
                    _REGION,
                    _REASON,
                ),
            ),
            Command("export", "Export the list as CSV, unmasked", "cli.dnc_command:export"),
        ),
    ),
    Command(
        "store",
        "Create and maintain the call store",
        commands=(
            Command(
                "migrate", "Create the call store, or migrate it to this version's schema", "cli.store_command:migrate"
            ),
            Command(
                "status",
                "Show whether the call store can be used, and what it contains",
                "cli.store_command:status",
                (_ALL_ENVIRONMENTS,),
            ),
            Command(
                "quarantine",
                "List the signed webhooks that are not understood, or assign one to its call",
                "cli.store_command:quarantine",
                (
                    argument("action", nargs="?", choices=["reprocess"], help="store a webhook as a call's completion"),
                    argument("id", nargs="?", type=int, help="the webhook to reprocess"),
                    argument("--call-id", help="the call that the webhook completes"),
                    argument("--body", metavar="ID", type=int, help="write the signed body of this webhook"),
                    _OUTPUT,
                    argument(
                        "--all-environments",
                        action="store_true",
                        help="required to reprocess or to write a body, which may belong to a call of any environment",
                    ),
                ),
            ),
            Command(
                "rename-connection",
                "Move the calls of a renamed connection to its new id, so that its webhooks complete them",
                "cli.store_command:rename_connection",
                (argument("old", help="the old connection id"), argument("new", help="the new connection id")),
            ),
            Command(
                "rename-host",
                "Move the keys of all calls at an API host to another one, after VoiceInfra has moved",
                "cli.store_command:rename_host",
                (
                    argument("old", help="the old host, such as api.voiceinfra.ai"),
                    argument("new", help="the host that the connections use now"),
                ),
            ),
            Command(
                "purge",
                "Remove the numbers and content of old calls; keys and outcomes stay, so that nobody is called again",
                "cli.store_command:purge",
                (
                    argument("--older-than", metavar="DAYS", help="such as 90d (default: [voiceinfra] retention_days)"),
                    _ALL_ENVIRONMENTS,
                ),
            ),
            Command(
                "erase",
                "Remove the content of all calls with a person",
                "cli.store_command:erase",
                (*_NUMBER, _ALL_ENVIRONMENTS),
            ),
        ),
    ),
)
