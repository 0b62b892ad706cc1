"""``airflow voiceinfra store …``."""

from __future__ import annotations

import argparse

from airflow_provider_voiceinfra.commands import say, telling_errors
from airflow_provider_voiceinfra.config import call_store


@telling_errors
def migrate(_: argparse.Namespace) -> None:
    """Create the call store, or bring it to this version's schema."""
    store = call_store()
    store.migrate()
    store.check()
    say(f"The call store at {store.database.shown_url} is ready.")


@telling_errors
def status(_: argparse.Namespace) -> None:
    """Say whether the call store can be used, and what it holds."""
    store = call_store()
    counts = store.calls.count_by_state()
    say(f"The call store at {store.database.shown_url} can be used.")
    for state, count in counts.items():
        say(f"  {state:<12}{count:>10}")
