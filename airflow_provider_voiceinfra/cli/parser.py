"""The command line: ``airflow voiceinfra …``, and the same under ``python -m airflow_provider_voiceinfra``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from airflow_provider_voiceinfra.cli.commands import COMMANDS, Command

if TYPE_CHECKING:
    from airflow.cli.cli_config import CLICommand


def get_voiceinfra_cli_commands() -> list[CLICommand]:
    """Return the commands for Airflow's command line."""
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
    return int(getattr(import_module(f"airflow_provider_voiceinfra.{module}"), function)(arguments))


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command without Airflow's command line, which takes seconds to start."""
    arguments = make_parser().parse_args(argv)
    return _run(arguments.command, arguments)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_voiceinfra", description="AI phone calls by VoiceInfra."
    )
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
