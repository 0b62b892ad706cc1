"""A claim under all rules reads no more in a store full of calls than in an empty one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_voiceinfra.store.records import Claim
from airflow_provider_voiceinfra.store.rules import Rules
from tests.benchmarks.guard.history import CONN_ID, fill
from tests.unit.store.samples import new_call

RULES = Rules(max_calls_per_day=1_000_000, max_in_flight=100, min_interval=timedelta(days=7), calls_per_second=1_000)


@pytest.fixture
def kind():
    # Whose steps can be counted; what PostgreSQL takes is measured in tests/benchmarks/guard.
    return "sqlite"


def steps(store, key, to_number):
    """Claim, and count the steps of SQLite's machine."""
    count = 0

    def one():
        nonlocal count
        count += 1

    with store.database.engine.connect() as connection:
        connection.connection.dbapi_connection.set_progress_handler(one, 1)
    new = new_call(key, conn_id=CONN_ID, to_number=to_number)
    claim = store.claims.take(new, RULES)
    assert isinstance(claim, Claim)
    store.claims.fence(claim, new, RULES)
    return count


def test_many_past_calls_and_numbers_cost_hardly_anything(store):
    empty = steps(store, "one", "+442079460001")
    fill(store, 5_000, 2_000, going_on=0)
    steps(store, "warm", "+442079460003")
    full = steps(store, "two", "+442079460002")
    assert empty > 500
    # Of the past, only the lines that are busy would be read: there are none here.
    assert full < 1.5 * empty
