"""Purging a few at a time passes what was purged before once, not once for each few."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow_provider_voiceinfra.store.operations import retention
from tests.benchmarks.guard.history import fill
from tests.integration.cost.steps import counting
from tests.support.store_samples import claim


def purge(store):
    return store.retention.purge(datetime.now(UTC) + timedelta(days=1))


def steps(store, name):
    """End some calls and purge them; gives the steps of SQLite's machine that purging takes."""
    for number in range(40):
        store.claims.record_rejected(claim(store, f"{name}-{number}"), "code", "message")
    with counting(store) as count:
        assert purge(store).calls == 40
    return count["steps"]


def test_small_steps_read_no_more_of_the_past_than_large_ones(store, monkeypatch):
    fill(store, 4_000, 1, going_on=0)
    assert purge(store).calls == 4_000
    at_once = steps(store, "large")
    monkeypatch.setattr(retention, "_BATCH_SIZE", 4)
    assert steps(store, "small") < 1.5 * at_once
