"""Workers, triggerers and receivers whose clock is wrong are timed by the database's clock all the same."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_voiceinfra.store import clock, schema
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.lists.call_lists import NewRow
from airflow_provider_voiceinfra.store.models import Source
from airflow_provider_voiceinfra.store.watch.deadlines import Deadlines
from tests.support.hosts import on_host
from tests.support.store_samples import CALLER, NUMBER, body, claim, deliver, delivery, queued, rows, state

DAY, HOUR, NOW = timedelta(days=1), timedelta(hours=1), timedelta(seconds=30)
TASK = Source("dag", "run", "run", "task")

pytestmark = pytest.mark.parametrize("kind", ["postgresql"])
wrong_hosts = pytest.mark.parametrize("ahead", [DAY, -DAY], ids=["ahead", "behind"])


def is_now(told):
    return abs(told - datetime.now(UTC)) < NOW


def wait(call_id, deadline):
    """Be a triggerer; gives the status that its trigger fires with."""
    from airflow_provider_voiceinfra.triggers.call_completion import CallCompletionTrigger

    async def first_event():
        return await anext(CallCompletionTrigger([call_id], deadline).run())

    return asyncio.run(first_event()).payload["status"]


def begin_waiting(url):
    store = CallStore(url)
    Deadlines(store).of_task(TASK, HOUR)
    store.close()


def receive(url, content):
    """Be a receiver."""
    store = CallStore(url)
    store.deliveries.keep([delivery(content)])
    store.close()


def read_list(url):
    """Be the worker that reads a list, and looks at it."""
    store = CallStore(url)
    list_id = store.lists.open(TASK)
    store.lists.add(list_id, [NewRow(1, "one", NUMBER, {}, {})], store.lists.begin_import(list_id))
    store.close()
    return list_id


def give_up(url, list_id, at):
    from airflow_provider_voiceinfra.lists.progress import Progress

    store = CallStore(url)
    Progress(store, list_id, give_up_at=datetime.fromisoformat(at)).look()
    store.close()


@pytest.fixture
def store(store, store_url, monkeypatch):
    """The store of the test, which Airflow's configuration names too."""
    monkeypatch.setenv("AIRFLOW__VOICEINFRA__CALL_STORE", store_url)
    return store


@wrong_hosts
def test_a_wrong_triggerer_times_out_neither_early_nor_late(store, ahead):
    queued(store, "call-1")
    assert on_host(ahead, wait, "call-1", (datetime.now(UTC) - NOW).isoformat()) == "timeout"
    deliver(store, "call-1")
    assert on_host(ahead, wait, "call-1", (datetime.now(UTC) + HOUR).isoformat()) == "completed"


@wrong_hosts
def test_a_wrong_worker_begins_a_wait_of_the_right_length(store, store_url, ahead):
    on_host(ahead, begin_waiting, store_url)
    assert is_now(Deadlines(store).of_task(TASK, HOUR) - HOUR)


@wrong_hosts
def test_a_wrong_receiver_ends_calls_now_and_settles_unknown_ones(store, store_url, ahead):
    queued(store, "call-1")
    on_host(ahead, receive, store_url, body("call-1"))
    assert is_now(store.calls.get("call-1").completed_at)
    lost = claim(store, "lost")
    store.claims.record_unknown(lost, "timeout")
    on_host(ahead, receive, store_url, body("call-2", agent_id="agent", from_number=CALLER))
    assert state(store, lost.ref) == "completed"
    assert all(is_now(row.received_at) for row in rows(store, schema.completion))


@wrong_hosts
def test_a_wrong_worker_makes_rows_due_at_once_and_gives_up_in_time(store, store_url, ahead):
    list_id = on_host(ahead, read_list, store_url)
    assert is_now(store.list_rows.next_due(list_id))
    on_host(ahead, give_up, store_url, list_id, (datetime.now(UTC) + HOUR).isoformat())
    assert store.list_rows.next_due(list_id) is not None
    on_host(ahead, give_up, store_url, list_id, (datetime.now(UTC) - NOW).isoformat())
    assert store.list_rows.next_due(list_id) is None


def test_what_was_spooled_by_a_host_that_was_ahead_has_come_by_now(store):
    queued(store, "call-1")
    store.deliveries.keep([replace(delivery(body("call-1")), received_at=datetime.now(UTC) + DAY)])
    assert is_now(store.calls.get("call-1").completed_at)


def test_a_shifted_clock_moves_waits_lists_and_webhooks_together(store, store_url):
    with clock.shift(DAY):
        list_id = read_list(store_url)
        queued(store, "call-1")
        deliver(store, "call-1")
        times = [
            store.list_rows.next_due(list_id),
            store.calls.get("call-1").completed_at,
            Deadlines(store).of_task(TASK, HOUR) - HOUR,
            *(row.at for row in rows(store, schema.call_event)),
        ]
    assert all(is_now(each - DAY) for each in times)
