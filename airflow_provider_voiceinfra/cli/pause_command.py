"""``airflow voiceinfra hold | release``: the switch that stops dialling."""

from __future__ import annotations

import argparse
import getpass

from airflow_provider_voiceinfra.cli.output import say, telling_errors
from airflow_provider_voiceinfra.config import call_store
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.guard.pauses import Hold, Scope

_ROW = "{:<12} {:<24} {:<20} {:<12} {}"


@telling_errors
def hold(arguments: argparse.Namespace) -> None:
    """Stop dialling in a scope; without one, list the holds in force."""
    scope = _scope(arguments)
    if scope is None:
        _list(call_store().holds.in_force())
        return
    if not arguments.why:
        raise StoreError('Say why, for those who meet the hold: --why "The agent says the wrong date".')
    call_store().holds.place(*scope, why=arguments.why, actor=getpass.getuser())
    say(f"No new call of {_named(*scope)} is dialled. Calls that are on the line cannot be hung up.")


@telling_errors
def release(arguments: argparse.Namespace) -> None:
    """Let dialling go on in a scope, or cancel what waits."""
    scope = _scope(arguments)
    if scope is None:
        raise StoreError(
            "Say what to release: --all, --connection, --agent, --dag or --list; `hold` lists what is held."
        )
    cancelled = call_store().holds.release(*scope, actor=getpass.getuser(), cancel=arguments.cancel)
    what = f"{cancelled} calls that waited are cancelled" if arguments.cancel else "calls that wait go on"
    say(f"The hold of {_named(*scope)} is released: {what}.")
    left = call_store().holds.in_force()
    if left:
        say("Still held:")
        _list(left)


def _scope(arguments: argparse.Namespace) -> tuple[Scope, str] | None:
    named = {scope: getattr(arguments, scope.value) for scope in Scope}
    chosen = [(scope, "" if scope is Scope.ALL else name) for scope, name in named.items() if name]
    if len(chosen) > 1:
        raise StoreError("Say one scope at a time: each hold is released by itself.")
    return chosen[0] if chosen else None


def _named(scope: Scope, name: str) -> str:
    return "all" if scope is Scope.ALL else f"{scope} {name}"


def _list(holds: list[Hold]) -> None:
    if not holds:
        say("Nothing is held.")
        return
    say(_ROW.format("scope", "name", "since (UTC)", "by", "why"))
    for each in holds:
        say(_ROW.format(each.scope, each.name, f"{each.held_at:%Y-%m-%d %H:%M:%S}", each.held_by, each.why))
