"""What the guard costs: claims under all rules in a store full of calls, and the hook's ``place_call`` as a whole.

``python -m tests.benchmarks.guard`` prints the medians for each kind of store.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.models import Realm
from tests.benchmarks.guard import claims, whole_call
from tests.benchmarks.guard.history import fill
from tests.postgres import find_binaries, running


def main() -> int:
    """Measure both kinds of store; ends with 1 if a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.guard", description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000, help="past calls (default: %(default)s)")
    parser.add_argument("--numbers", type=int, default=100_000, help="not to be called (default: %(default)s)")
    parser.add_argument("--claims", type=int, default=600, help="claims in each store (default: %(default)s)")
    asked = parser.parse_args()
    reached = True
    for kind, place in (("SQLite", _sqlite), ("PostgreSQL", _postgresql)):
        with place() as (empty_url, full_url):
            empty, full = _store(empty_url), _store(full_url)
            fill(full, asked.calls, asked.numbers, realm=Realm.SANDBOX)
            reached &= claims.measure(kind, empty, full, asked.claims)
            if place is _sqlite:
                reached &= whole_call.measure(full_url, asked.claims)
    return 0 if reached else 1


def _store(url: str) -> CallStore:
    store = CallStore(url)
    store.migrate()
    return store


@contextmanager
def _sqlite() -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory(prefix="vi-guard-") as folder:
        yield f"sqlite:///{folder}/empty.db", f"sqlite:///{folder}/full.db"


@contextmanager
def _postgresql() -> Iterator[tuple[str, str]]:
    with running(find_binaries(), durable=True) as url:
        names = ("empty", "full")
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            for name in names:
                connection.execute(f"CREATE DATABASE {name}_store".encode())
        made = [sa.make_url(url).set(database=f"{name}_store") for name in names]
        yield made[0].render_as_string(hide_password=False), made[1].render_as_string(hide_password=False)


if __name__ == "__main__":
    raise SystemExit(main())
