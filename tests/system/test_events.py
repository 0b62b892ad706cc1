"""Calls that end start DAGs in a real Airflow; none is missed, whatever becomes of the runs."""

from __future__ import annotations

import secrets

import pytest

from tests.dags.events import AGENT
from tests.support.store_samples import deliver, queued
from tests.system.conftest import unpause, wait_until

CALLS = 1_000


@pytest.fixture
def unpaused(airflow):
    """Let the DAG run, for this test only."""
    unpause(airflow, "follow_burst")
    yield
    airflow._api.call("PATCH", "api/v2/dags/follow_burst", json={"is_paused": True})


def runs_by_events(airflow):
    runs = airflow._api.call("GET", "api/v2/dags/follow_burst/dagRuns", params={"limit": 100})["dag_runs"]
    return [run for run in runs if run["run_type"] == "asset_triggered"]


def test_a_burst_while_runs_overlap_and_are_killed_misses_none(airflow, call_store, unpaused):
    ids = [f"call_{secrets.token_hex(8)}" for _ in range(CALLS)]
    for call_id in ids:
        queued(call_store, call_id, agent_id=AGENT)
    # The first ones wake the DAG; the others come in a burst while it runs.
    deliver(call_store, ids[0])
    wait_until(lambda: runs_by_events(airflow), 600)
    for call_id in ids[1:]:
        deliver(call_store, call_id)

    def read(journal):
        file = airflow.home / journal
        return file.read_text().split("\n") if file.exists() else []

    wait_until(lambda: set(ids) <= set(read("burst")), 450)
    assert read("burst_killed")


def test_an_event_shows_ids_and_outcome_only(airflow):
    events = airflow._api.call("GET", "api/v2/assets/events", params={"limit": 100, "order_by": "-timestamp"})
    [*payloads] = [
        each["extra"]["payload"]
        for each in events["asset_events"]
        if each["uri"] == "voiceinfra://calls/completed/burst"
    ]
    assert payloads
    assert all(payload.keys() == {"call_id", "ref", "outcome"} for payload in payloads)
