"""The command line: ``airflow voiceinfra …``, and the same under ``python -m airflow_provider_voiceinfra``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow_provider_voiceinfra.store.lists.list_rows import RowState
from airflow_provider_voiceinfra.store.models import CallState

if TYPE_CHECKING:
    from airflow.cli.cli_config import CLICommand


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a command, as argparse takes it."""

    flags: tuple[str, ...]
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Command:
    """A command, or a group of commands.

    :param run: ``module:function``, imported when the command is run; the function takes the parsed arguments and
        returns the exit status.
    """

    name: str
    help: str
    run: str = ""
    arguments: tuple[Argument, ...] = ()
    commands: tuple[Command, ...] = field(default=())


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
    argument("--connection", metavar="CONN_ID", help="calls by this connection"),
    argument("--agent", metavar="AGENT_ID", help="calls by this agent"),
    argument("--dag", metavar="DAG_ID", help="calls of this DAG"),
    argument("--list", metavar="LIST_ID", help="calls of this call list, whose id is in its task's log and XCom"),
)

_NUMBER = (
    argument("number", help="such as +14155550100"),
    argument("--region", help="country of a number without a country code, such as US"),
)

_FILTERS = (
    argument("--dag", help="placed by this DAG"),
    argument("--list", help="of this call list"),
    argument("--state", choices=[state.value for state in CallState], help="in this state"),
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
        "Start the sandbox and a real Airflow, and watch a DAG call people, none of whom is real",
        "airflow_provider_voiceinfra.demo.demo_command:run",
        (
            argument("--home", help="Airflow's home for the demo (default: a temporary one)"),
            argument("--exit", action="store_true", help="end after the table, and do not wait for Ctrl-C"),
        ),
    ),
    Command(
        "sandbox",
        "Run a simulated VoiceInfra: the documented API and its webhooks; no phone rings",
        "airflow_provider_voiceinfra.sandbox.sandbox_command:run",
        (
            *_listening_on(8099),
            argument(
                "--webhook-url",
                default="http://127.0.0.1:8080/voiceinfra/webhook",
                help="where completions are sent (default: %(default)s)",
            ),
            argument("--secret", default="sandbox-secret", help="signs the webhooks (default: %(default)s)"),
            argument("--api-key", default="sandbox-key", help="the key that is accepted (default: %(default)s)"),
            argument(
                "--delay", default="2-5", help="seconds that a call lasts, such as 3 or 2-5 (default: %(default)s)"
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
        "Run the receiver of webhooks by itself, without Airflow; its secrets come from the environment",
        "airflow_provider_voiceinfra.cli.receiver_command:run",
        (
            *_listening_on(8088),
            argument("--workers", type=int, default=1, help="processes (default: %(default)s)"),
        ),
    ),
    Command(
        "calls",
        "Find out what became of calls",
        commands=(
            Command(
                "list",
                "List calls, newest first",
                "airflow_provider_voiceinfra.cli.calls_command:list_calls",
                _FILTERS,
            ),
            Command(
                "show",
                "Show one call and its history",
                "airflow_provider_voiceinfra.cli.calls_command:show",
                (argument("ref", help="vc_… or a call_id"),),
            ),
            Command(
                "resolve",
                "Say what became of unknown calls",
                "airflow_provider_voiceinfra.cli.calls_command:resolve",
                (
                    argument("refs", metavar="ref", nargs="+", help="vc_…; more than one with --not-placed only"),
                    argument("--call-id", help="it was placed, and VoiceInfra's call log has it under this call_id"),
                    argument("--not-placed", action="store_true", help="not placed: each may be dialled again"),
                ),
            ),
            Command(
                "export",
                "Write every step of every call, for audits",
                "airflow_provider_voiceinfra.cli.calls_command:export",
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
        "airflow_provider_voiceinfra.cli.pause_command:pause",
        (*_SCOPES, argument("--reason", help="shown with each call that waits")),
    ),
    Command(
        "resume",
        "Let new calls be placed again",
        "airflow_provider_voiceinfra.cli.pause_command:resume",
        (*_SCOPES, argument("--cancel", action="store_true", help="cancel the calls that wait")),
    ),
    Command(
        "pauses",
        "See what is paused",
        commands=(
            Command("list", "List the pauses in force", "airflow_provider_voiceinfra.cli.pause_command:list_pauses"),
        ),
    ),
    Command(
        "lists",
        "Look into call lists",
        commands=(
            Command(
                "rows",
                "List the rows of a call list with their keys, numbers masked",
                "airflow_provider_voiceinfra.cli.lists_command:show_rows",
                (
                    argument("list_id", help="in its task's log and XCom"),
                    argument("--state", choices=[state.value for state in RowState], help="in this state"),
                    argument("--result", help="that ended so, or are set aside for this reason"),
                ),
            ),
        ),
    ),
    Command(
        "dnc",
        "Look after the do-not-call list, which applies in all environments of the call store",
        commands=(
            Command(
                "add",
                "Put a number on the list",
                "airflow_provider_voiceinfra.cli.dnc_command:add",
                (*_NUMBER, argument("--why", default="", help="for the record")),
            ),
            Command(
                "remove",
                "Take a number off the list",
                "airflow_provider_voiceinfra.cli.dnc_command:remove",
                (*_NUMBER, argument("--why", default="", help="for the record")),
            ),
            Command(
                "list",
                "List the numbers, masked, or what happened to one",
                "airflow_provider_voiceinfra.cli.dnc_command:list_numbers",
                (
                    argument("number", nargs="?", help="show who added and removed this one"),
                    argument("--region", help="country of a number without a country code, such as US"),
                ),
            ),
            Command(
                "import",
                "Put the numbers of a file on the list: one to a line, or a column of CSV; 1 if any cannot be read",
                "airflow_provider_voiceinfra.cli.dnc_command:import_numbers",
                (
                    argument("file", help="UTF-8, with a header or without"),
                    argument("--column", help="the name of the numbers' column, where it is not the first one"),
                    argument("--region", help="country of numbers without a country code, such as US"),
                    argument("--why", default="", help="for the record"),
                ),
            ),
            Command(
                "export", "Write the list as CSV, numbers in full", "airflow_provider_voiceinfra.cli.dnc_command:export"
            ),
        ),
    ),
    Command(
        "store",
        "Create and look after the call store",
        commands=(
            Command(
                "migrate",
                "Create the call store, or bring it to this version's schema",
                "airflow_provider_voiceinfra.cli.store_command:migrate",
            ),
            Command(
                "status",
                "Say whether the call store can be used, and what it contains",
                "airflow_provider_voiceinfra.cli.store_command:status",
                (_ALL_ENVIRONMENTS,),
            ),
            Command(
                "quarantine",
                "List the signed webhooks that are not understood, or give one to the call that it is of",
                "airflow_provider_voiceinfra.cli.store_command:quarantine",
                (
                    argument("action", nargs="?", choices=["reprocess"], help="store this one as a call's completion"),
                    argument("id", nargs="?", type=int, help="of the webhook that is reprocessed"),
                    argument("--call-id", help="of the call that it is the completion of"),
                    argument("--body", metavar="ID", type=int, help="write the body of this one, as it was signed"),
                    argument(
                        "--all-environments",
                        action="store_true",
                        help="needed to reprocess or to write a body: it may be about a call of any environment",
                    ),
                ),
            ),
            Command(
                "rename-connection",
                "Let the calls of a connection belong to the one that it is called now, so that its webhooks end them",
                "airflow_provider_voiceinfra.cli.store_command:rename_connection",
                (
                    argument("old", help="its connection id until now"),
                    argument("new", help="its connection id from now on"),
                ),
            ),
            Command(
                "rename-host",
                "Let the keys of all calls at an API host belong to another one, where VoiceInfra has moved",
                "airflow_provider_voiceinfra.cli.store_command:rename_host",
                (
                    argument("old", help="where the calls were placed, such as api.voiceinfra.ai"),
                    argument("new", help="where the connections lead now"),
                ),
            ),
            Command(
                "purge",
                "Remove numbers and words of old calls; keys and outcomes stay, so that nobody is called again",
                "airflow_provider_voiceinfra.cli.store_command:purge",
                (
                    argument("--older-than", metavar="DAYS", help="such as 90d (default: [voiceinfra] retention_days)"),
                    _ALL_ENVIRONMENTS,
                ),
            ),
            Command(
                "erase",
                "Remove everything that was said with a person",
                "airflow_provider_voiceinfra.cli.store_command:erase",
                (
                    argument("number", help="the person's, such as +14155550100"),
                    argument("--region", help="country of a number without a country code, such as US"),
                    _ALL_ENVIRONMENTS,
                ),
            ),
        ),
    ),
)


def get_voiceinfra_cli_commands() -> list[CLICommand]:
    """Give the commands to Airflow's command line."""
    from airflow.cli.cli_config import GroupCommand

    return [GroupCommand(name="voiceinfra", help="AI phone calls by VoiceInfra", subcommands=_for_airflow(COMMANDS))]


def _for_airflow(commands: Sequence[Command]) -> list[CLICommand]:
    from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand

    return [
        GroupCommand(name=each.name, help=each.help, subcommands=_for_airflow(each.commands))
        if each.commands
        else ActionCommand(
            name=each.name,
            help=each.help,
            func=_exiting(each),
            args=[Arg(flags=argument.flags, **argument.options) for argument in each.arguments],
        )
        for each in commands
    ]


def _exiting(command: Command) -> Callable[[argparse.Namespace], None]:
    def run(arguments: argparse.Namespace) -> None:
        raise SystemExit(_run(command, arguments))

    return run


def _run(command: Command, arguments: argparse.Namespace) -> int:
    module, _, function = command.run.partition(":")
    return int(getattr(import_module(module), function)(arguments))


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command without Airflow's command line, which takes seconds to start."""
    arguments = make_parser().parse_args(argv)
    return _run(arguments.command, arguments)


def make_parser(prog: str = "python -m airflow_provider_voiceinfra") -> argparse.ArgumentParser:
    """Give what reads a command line, and says what the commands are."""
    parser = argparse.ArgumentParser(prog=prog, description="AI phone calls by VoiceInfra.")
    _add_commands(parser, COMMANDS)
    return parser


def _add_commands(parser: argparse.ArgumentParser, commands: Sequence[Command]) -> None:
    subparsers = parser.add_subparsers(required=True, metavar="command")
    for command in commands:
        subparser = subparsers.add_parser(command.name, help=command.help, description=command.help)
        if command.commands:
            _add_commands(subparser, command.commands)
        for each in command.arguments:
            subparser.add_argument(*each.flags, **each.options)
        subparser.set_defaults(command=command)
