"""The Calls page reads no more in a store full of calls than in one with few."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.operations import overview
from airflow_provider_voiceinfra.store.operations.overview import OverviewFilter
from airflow_provider_voiceinfra.store.reads import call_pages
from airflow_provider_voiceinfra.store.reads.call_filter import CallFilter
from tests.benchmarks.calls_page.history import DORMANT, fill
from tests.integration.cost.steps import steps

CALLS = 8_000


@pytest.fixture(scope="module")
def full(migrated_sqlite, tmp_path_factory):
    """A store with many calls."""
    path = tmp_path_factory.mktemp("full") / "voiceinfra.db"
    shutil.copy(migrated_sqlite, path)
    store = CallStore(f"sqlite:///{path}")
    fill(store, CALLS)
    yield store
    store.close()


NOW = datetime.now(UTC)
MIDDLE = NOW - timedelta(days=45)
SEARCHES = {
    "everything": CallFilter(),
    "few of a state": CallFilter(state="queued"),
    "hardly any of a state": CallFilter(state="unknown"),
    "none of a state": CallFilter(state="waiting"),
    "nearly all of a state": CallFilter(state="completed"),
    "a DAG": CallFilter(dag_id="dag_3"),
    "an old DAG": CallFilter(dag_id=DORMANT),
    "no DAG that there is": CallFilter(dag_id="none"),
    "a run": CallFilter(dag_id="dag_3", runs=("run_3",)),
    "a list": CallFilter(list_id="vl_0"),
    "no list that there is": CallFilter(list_id="none"),
    "last digits": CallFilter(digits="0100"),
    "a call_id": CallFilter(name="call_000000000500"),
    "a name of a DAG": CallFilter(name="dag_3"),
    "metadata of one call": CallFilter(metadata="appointment:500"),
    "metadata of many calls": CallFilter(metadata="campaign:spring"),
    "much at once": CallFilter(digits="0100", dag_id="dag_3", state="completed"),
    "an hour": CallFilter(since=MIDDLE - timedelta(hours=1), until=MIDDLE),
}


@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("last", [False, True])
def test_a_page_of_calls_reads_little_whatever_is_looked_for(full, name, last):
    read = full.pages.newer if last else full.pages.older
    # A look through all calls takes 100,000 and more.
    assert steps(full, lambda: read(SEARCHES[name])) < 25_000


@pytest.mark.parametrize("dag_ids", [{DORMANT}, {"dag_1", "dag_2"}, {f"dag_{number}" for number in range(19)}])
def test_so_does_one_of_some_dags(full, dag_ids):
    assert steps(full, lambda: full.pages.older(CallFilter(), dag_ids)) < 40_000


@pytest.mark.parametrize("outcome", ["busy", "never"])
def test_what_no_index_knows_is_looked_for_no_further_than_the_window(full, monkeypatch, outcome):
    monkeypatch.setattr(call_pages, "WINDOW", 500)
    page = full.pages.older(CallFilter(outcome=outcome))
    assert page.looked_to
    assert steps(full, lambda: full.pages.older(CallFilter(outcome=outcome))) < 25_000


@pytest.mark.parametrize("dag_ids", [None, {DORMANT}, {f"dag_{number}" for number in range(19)}])
def test_the_overview_reads_only_the_calls_of_its_period_and_those_by_one_index(full, dag_ids):
    in_period = CALLS // 90
    # Reading a call itself, or sorting, would take several times as many.
    assert steps(full, lambda: full.overview.hours(NOW - timedelta(days=1), dag_ids)) < 40 * in_period
    wanted = OverviewFilter("dag_1", "agent", "vl_0")
    assert steps(full, lambda: full.overview.hours(NOW - timedelta(days=1), dag_ids, wanted)) < 40 * in_period
    assert steps(full, lambda: full.overview.hours(NOW - timedelta(days=1), dag_ids)) == 0


def test_other_parts_of_the_page_read_no_past_calls(full, monkeypatch):
    monkeypatch.setattr(overview, "MAX_COUNTED", 50)
    reads = (
        lambda: full.overview.count({"dag_1"}),
        full.overview.webhooks,
        full.pages.dag_ids,
        lambda: full.calls.get("vc_000000000017"),
        lambda: full.calls.get("call_000000000017"),
        lambda: full.pages.ref_of_task("dag_3", ("run_3",), "call", 3),
    )
    assert [steps(full, read) < 40_000 for read in reads] == [True] * len(reads)
