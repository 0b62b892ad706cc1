"""A glance counts every call once, whatever is counted already, and reads no past calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.models import Source
from airflow_provider_voiceinfra.store.operations import glance
from airflow_provider_voiceinfra.store.reads import call_hours
from airflow_provider_voiceinfra.store.reads.call_hours import CallHours
from tests.unit.store.race import in_threads
from tests.unit.store.samples import body, claim, deliver, queued, rows

DAY = timedelta(days=1)


@pytest.fixture
def clock():
    return [1_000.0]


@pytest.fixture
def hours(store, clock):
    return CallHours(store.database, lambda: clock[0])


def let_count(hours, clock):
    """Let what has come be counted, a good minute later."""
    hours.count()
    clock[0] += call_hours.SETTLED + 1
    while hours.count():
        pass


def complete(store, call_id, outcome="answered", dag_id="dag", **said):
    queued(store, call_id, source=Source(dag_id, "run", "run", "task"))
    deliver(store, call_id, call_outcome=outcome, **said)


def totals(store, dag_ids=None):
    """Calls and seconds by outcome."""
    found = {}
    for each in store.glance.hours(datetime.now(UTC) - 2 * DAY, dag_ids).counts:
        calls, seconds = found.get(each.outcome, (0, 0))
        found[each.outcome] = (calls + each.calls, seconds + each.talk_seconds)
    return found


def test_each_call_is_counted_once_whether_it_came_now_or_long_ago(store, hours, clock):
    complete(store, "one", duration_seconds=60)
    assert totals(store) == {"answered": (1, 60)}
    let_count(hours, clock)
    assert totals(store) == {"answered": (1, 60)}
    complete(store, "two", "voicemail", duration_seconds=5)
    assert totals(store) == {"answered": (1, 60), "voicemail": (1, 5)}
    let_count(hours, clock)
    let_count(hours, clock)
    assert totals(store) == {"answered": (1, 60), "voicemail": (1, 5)}


def test_where_many_came_just_now_how_long_people_talked_is_told_a_minute_later(store, hours, clock, monkeypatch):
    monkeypatch.setattr(glance, "READ", 1)
    complete(store, "one", duration_seconds=60)
    complete(store, "two", duration_seconds=30)
    assert totals(store) == {"answered": (2, 60)}
    let_count(hours, clock)
    assert totals(store) == {"answered": (2, 90)}


def test_what_came_less_than_a_minute_ago_is_left_because_a_lower_id_may_be_committed_yet(store, hours, clock):
    complete(store, "one")
    hours.count()
    clock[0] += call_hours.SETTLED - 1
    assert hours.count() is False
    assert rows(store, schema.call_hour) == []
    clock[0] += 1
    hours.count()
    assert len(rows(store, schema.call_hour)) == 1


def test_many_are_counted_some_at_a_time(store, hours, clock, monkeypatch):
    monkeypatch.setattr(call_hours, "AT_ONCE", 2)
    for number in range(5):
        complete(store, f"call-{number}")
    hours.count()
    clock[0] += 61
    assert [hours.count() for _ in range(3)] == [True, True, False]
    assert totals(store) == {"answered": (5, 0)}


def test_two_processes_that_count_at_once_count_each_call_once(store, open_store, clock):
    for number in range(20):
        complete(store, f"call-{number}", duration_seconds=1)
    counting = [CallHours(open_store().database, lambda: clock[0]) for _ in range(3)]
    for each in counting:
        each.count()
    clock[0] += 61
    in_threads(*[each.count for each in counting])
    assert totals(store) == {"answered": (20, 20)}


def test_a_second_body_is_not_counted(store, hours, clock):
    complete(store, "one", duration_seconds=60)
    deliver(store, "one", duration_seconds=99)
    assert totals(store) == {"answered": (1, 60)}
    let_count(hours, clock)
    assert totals(store) == {"answered": (1, 60)}
    assert store.glance.webhooks().unmatched == 0


def test_the_hour_is_that_of_the_calls_start_unless_that_cannot_be(store, hours, clock):
    now = datetime.now(UTC)
    complete(store, "late", start_time=(now - timedelta(hours=3)).isoformat())
    complete(store, "odd", "voicemail", start_time="2001-01-01T00:00:00Z")
    let_count(hours, clock)
    found = {row.outcome: row.hour for row in rows(store, schema.call_hour)}
    assert now - timedelta(hours=4) < found["answered"] <= now - timedelta(hours=3)
    assert now - timedelta(hours=2) < found["voicemail"]


def test_only_the_calls_of_some_dags_are_counted_for_whom_they_concern(store, open_store, hours, clock):
    complete(store, "one", dag_id="one")
    complete(store, "none", "voicemail", dag_id=None)
    for counted in (False, True):
        if counted:
            let_count(hours, clock)
        assert totals(store, {"one"}) == {"answered": (1, 0)}
        assert totals(store, set()) == {}
        assert totals(store) == {"answered": (1, 0), "voicemail": (1, 0)}
        assert totals(open_store(environment="staging")) == {}


def test_a_completion_that_no_call_has_is_unmatched_until_one_has_it(store, hours, clock):
    deliver(store, "early", duration_seconds=7)
    let_count(hours, clock)
    assert store.glance.webhooks().unmatched == 1
    assert totals(store) == {}
    ours = claim(store, "early")
    store.claims.record_queued(ours, "early")
    let_count(hours, clock)
    assert store.glance.webhooks().unmatched == 0
    assert totals(store) == {"answered": (1, 7)}


def test_the_oldest_of_too_many_unmatched_are_forgotten(store, hours, clock, monkeypatch):
    monkeypatch.setattr(call_hours, "MAX_UNMATCHED", 2)
    for number in range(4):
        deliver(store, f"strange-{number}")
    let_count(hours, clock)
    assert store.glance.webhooks().unmatched == 2


def test_a_purged_call_stays_counted(store, hours, clock):
    complete(store, "one", duration_seconds=60)
    let_count(hours, clock)
    store.retention.purge(datetime.now(UTC) + DAY)
    complete(store, "two", duration_seconds=60)
    store.retention.purge(datetime.now(UTC) + DAY)
    let_count(hours, clock)
    assert totals(store) == {"answered": (2, 60)}


def test_with_many_to_be_counted_yet_it_says_so_and_reads_few(store, monkeypatch):
    monkeypatch.setattr(glance, "TAIL", 1)
    complete(store, "one")
    complete(store, "two")
    found = store.glance.hours(datetime.now(UTC) - DAY)
    assert (found.counts, found.behind) == ([], True)


def test_what_goes_on_is_counted_by_state(store):
    claim(store, "claimed")
    queued(store, "queued", source=Source("other"))
    late = queued(store, "lost")
    unknown = claim(store, "unknown")
    store.claims.record_unknown(unknown, "no answer")
    store.claims.record_overdue(queued(store, "overdue") and "overdue")
    with store.database.write() as tx:
        past = datetime.now(UTC) - DAY
        tx.execute(sa.update(schema.call).where(schema.call.c.id == late.id).values(deadline=past))
    assert store.glance.count() == {"going_on": 2, "waiting": 0, "unknown": 1, "overdue": 1}
    assert store.glance.count({"other"}) == {"going_on": 1, "waiting": 0, "unknown": 0, "overdue": 0}


def test_whether_webhooks_come_is_told(store):
    assert store.glance.webhooks() == glance.Webhooks(None, 0, 0, 0)
    deliver(store, "one")
    store.refusals.add("voiceinfra_default", 3)
    assert body("one")
    found = store.glance.webhooks()
    assert found.newest > datetime.now(UTC) - timedelta(minutes=1)
    assert found.refused == 3
