"""``airflow voiceinfra pause | resume | pauses list``: the switch that stops new calls."""

from __future__ import annotations

import argparse
import getpass

from airflow_provider_voiceinfra.cli.output import echo, handle_errors
from airflow_provider_voiceinfra.config import call_store
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.guard.pauses import Pause, Scope

_ROW = "{:<12} {:<24} {:<20} {:<12} {}"


@handle_errors
def pause(arguments: argparse.Namespace) -> None:
    """Pause the calls of a scope."""
    scope = _scope(arguments)
    if not arguments.reason:
        raise StoreError('Give a reason, shown with each waiting call: --reason "The agent says the wrong date".')
    call_store().pauses.pause(*scope, reason=arguments.reason, actor=getpass.getuser())
    echo(f"Calls of {_describe(*scope)} are paused: no new call is placed. Calls in progress cannot be hung up.")


@handle_errors
def resume(arguments: argparse.Namespace) -> None:
    """Resume the calls of a scope, or cancel those that wait."""
    scope = _scope(arguments)
    cancelled = call_store().pauses.resume(*scope, actor=getpass.getuser(), cancel=arguments.cancel)
    what = f"{cancelled} waiting calls are cancelled" if arguments.cancel else "waiting calls are placed"
    echo(f"Calls of {_describe(*scope)} are resumed: {what}.")
    remaining = call_store().pauses.in_force()
    if remaining:
        echo("Still paused:")
        _list(remaining)


@handle_errors
def list_pauses(arguments: argparse.Namespace) -> None:  # noqa: ARG001 - every command takes its arguments
    """List the pauses in force."""
    _list(call_store().pauses.in_force())


def _scope(arguments: argparse.Namespace) -> tuple[Scope, str]:
    named = {scope: getattr(arguments, scope.value) for scope in Scope}
    chosen = [(scope, "" if scope is Scope.ALL else name) for scope, name in named.items() if name]
    if len(chosen) != 1:
        raise StoreError("Give one scope: --all, --connection, --agent, --dag or --list.")
    return chosen[0]


def _describe(scope: Scope, name: str) -> str:
    return "everything" if scope is Scope.ALL else f"{scope} {name}"


def _list(pauses: list[Pause]) -> None:
    if not pauses:
        echo("Nothing is paused.")
        return
    echo(_ROW.format("scope", "name", "since (UTC)", "by", "reason"))
    for each in pauses:
        echo(_ROW.format(each.scope, each.name, f"{each.paused_at:%Y-%m-%d %H:%M:%S}", each.paused_by, each.reason))
