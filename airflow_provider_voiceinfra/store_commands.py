"""``airflow voiceinfra store …``."""

from __future__ import annotations

import argparse
import sys

from airflow_provider_voiceinfra.config import call_store
from airflow_provider_voiceinfra.store.errors import StoreError


def migrate(_: argparse.Namespace) -> int:
    """Create the call store, or bring it to this version's schema."""
    try:
        store = call_store()
        store.migrate()
        store.check()
    except StoreError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    print(f"The call store at {store.database.shown_url} is ready.")  # noqa: T201
    return 0


def status(_: argparse.Namespace) -> int:
    """Say whether the call store can be used, and what it holds."""
    try:
        store = call_store()
        counts = store.calls.count_by_state()
    except StoreError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    print(f"The call store at {store.database.shown_url} can be used.")  # noqa: T201
    for state, count in counts.items():
        print(f"  {state:<12}{count:>10}")  # noqa: T201
    return 0
