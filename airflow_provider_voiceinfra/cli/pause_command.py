"""``airflow voiceinfra pause | resume | pauses list``: the switch that stops new calls."""

from __future__ import annotations

import argparse
import getpass
from datetime import UTC, datetime

from airflow_provider_voiceinfra.cli.output import echo, handle_errors, shown_time
from airflow_provider_voiceinfra.compat import print_rows
from airflow_provider_voiceinfra.config import call_store
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.guard.pauses import Pause, Scope


@handle_errors
def pause(arguments: argparse.Namespace) -> None:
    """Pause the calls of a scope."""
    scope = _scope(arguments)
    if not arguments.reason:
        raise StoreError('Give a reason, shown with each waiting call: --reason "The agent says the wrong date".')
    pauses, until = call_store().pauses, _until(arguments.until)
    if not (arguments.force or pauses.seen(*scope)):
        similar = pauses.names_like(*scope)
        asked = f" Did you mean {' or '.join(similar)}?" if similar else ""
        raise StoreError(f"{_describe(*scope)} has no calls yet.{asked} To pause it all the same, add --force.")
    pauses.pause(*scope, reason=arguments.reason, actor=getpass.getuser(), ends_at=until)
    end = f" until {until.astimezone():%Y-%m-%d %H:%M %Z}" if until else ""
    echo(f"Calls of {_describe(*scope)} are paused{end}: no new call is placed. Calls in progress cannot be hung up.")


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
        _list(remaining, "table")


@handle_errors
def list_pauses(arguments: argparse.Namespace) -> None:
    """List the pauses in force."""
    _list(call_store().pauses.in_force(), arguments.output)


def _scope(arguments: argparse.Namespace) -> tuple[Scope, str]:
    named = {scope: getattr(arguments, scope.value) for scope in Scope}
    chosen = [(scope, "" if scope is Scope.ALL else name) for scope, name in named.items() if name]
    if len(chosen) != 1:
        raise StoreError("Give one scope: --all, --connection, --agent, --dag or --list.")
    return chosen[0]


def _until(text: str | None) -> datetime | None:
    """Read when a pause ends; a time without a zone is this machine's local time."""
    if text is None:
        return None
    try:
        until = datetime.fromisoformat(text.strip()).astimezone()
    except ValueError:
        raise StoreError(f"--until {text!r} is not a time: write it like '2026-12-01 09:00'.") from None
    if until <= datetime.now(UTC):
        raise StoreError(f"--until {text!r} is over.")
    return until


def _describe(scope: Scope, name: str) -> str:
    return "everything" if scope is Scope.ALL else f"{scope} {name}"


def _list(pauses: list[Pause], output: str) -> None:
    if not pauses and output == "table":
        echo("Nothing is paused.")
        return
    rows = [
        {
            "scope": each.scope.value,
            "name": each.name,
            "since (UTC)": shown_time(each.paused_at),
            "until (UTC)": shown_time(each.ends_at) if each.ends_at else "resumed",
            "by": each.paused_by,
            "reason": each.reason,
        }
        for each in pauses
    ]
    print_rows(rows, output)
