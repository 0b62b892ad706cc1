"""Counts the steps of SQLite's machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from airflow_provider_voiceinfra.store.call_store import CallStore


@contextmanager
def counting(store: CallStore) -> Iterator[Counter[str]]:
    """Count the ``steps`` that a block takes."""
    count = Counter[str]()

    def one() -> None:
        count["steps"] += 1

    with store.database.engine.connect() as connection:
        sqlite = connection.connection.dbapi_connection
    sqlite.set_progress_handler(one, 1)
    yield count
    sqlite.set_progress_handler(None, 1)


def steps(store: CallStore, read: Callable[[], object]) -> int:
    """Read; gives the steps that it takes."""
    with counting(store) as count:
        read()
    return count["steps"]
