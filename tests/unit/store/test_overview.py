"""The overview counts every call once, in its hour, and shows each visitor only their DAGs."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import minute_cache, schema
from airflow_provider_voiceinfra.store.clock import shift
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.feed import completed_calls
from airflow_provider_voiceinfra.store.models import Source
from airflow_provider_voiceinfra.store.operations.overview import Overview, OverviewFilter, Webhooks
from tests.support.race import in_threads
from tests.support.store_samples import NUMBER, claim, deliver, queued, rows

DAY = timedelta(days=1)


def complete(store, call_id, outcome="answered", dag_id="dag", **said):
    queued(store, call_id, source=Source(dag_id, "run", "run", "task"))
    deliver(store, call_id, call_outcome=outcome, **said)


def counts(store, dag_ids=None):
    """The counts of the last two days, without what an earlier reader has left."""
    fresh = Overview(store.database, store.environment)
    return fresh.hours(datetime.now(UTC) - 2 * DAY, dag_ids).counts


def totals(store, dag_ids=None):
    """Calls and seconds by outcome."""
    found = {}
    for each in counts(store, dag_ids):
        calls, seconds = found.get(each.outcome, (0, 0))
        found[each.outcome] = (calls + each.calls, seconds + each.talk_seconds)
    return found


def test_each_call_is_counted_once_as_soon_as_it_is_completed(store):
    complete(store, "one", duration_seconds=60)
    complete(store, "two", "voicemail", duration_seconds=5)
    complete(store, "three", duration_seconds=30)
    queued(store, "going on")
    assert totals(store) == {"answered": (2, 90), "voicemail": (1, 5)}


def test_a_redelivery_and_a_second_body_are_not_counted(store):
    complete(store, "one", duration_seconds=60)
    deliver(store, "one", duration_seconds=60)
    deliver(store, "one", duration_seconds=99)
    assert totals(store) == {"answered": (1, 60)}
    assert store.overview.webhooks().unmatched == 0


def test_the_hour_is_that_of_the_calls_start_unless_that_is_impossible(store):
    now = datetime.now(UTC)
    complete(store, "late", start_time=(now - timedelta(hours=3)).isoformat())
    complete(store, "odd", "voicemail", start_time="2001-01-01T00:00:00Z")
    complete(store, "none", "failed", start_time="soon", duration_seconds="long")
    found = {each.outcome: each for each in counts(store)}
    assert now - timedelta(hours=4) < found["answered"].hour <= now - timedelta(hours=3)
    assert all(now - timedelta(hours=2) < found[name].hour for name in ("voicemail", "failed"))
    assert {(each.hour.minute, each.hour.second, each.hour.microsecond) for each in found.values()} == {(0, 0, 0)}
    assert found["failed"].talk_seconds == 0


def test_only_calls_since_a_time_are_counted(store):
    complete(store, "one", start_time=(datetime.now(UTC) - DAY).isoformat())
    assert store.overview.hours(datetime.now(UTC) - timedelta(hours=12)).counts == []


def test_only_the_calls_of_some_dags_are_counted_for_whom_they_concern(store, open_store):
    complete(store, "one", dag_id="one")
    complete(store, "none", "voicemail", dag_id=None)
    assert totals(store, {"one"}) == {"answered": (1, 0)}
    assert totals(store, set()) == {}
    assert totals(store) == {"answered": (1, 0), "voicemail": (1, 0)}
    assert totals(open_store(environment="staging")) == {}


def test_only_the_calls_of_a_dag_an_agent_and_a_list_are_counted(store):
    placed = [("one", "ada", "vl_1"), ("one", "bob", None), ("two", "ada", None)]
    for number, (dag_id, agent_id, list_id) in enumerate(placed):
        for state in ("ended", "open"):
            queued(store, f"{state}-{number}", source=Source(dag_id), agent_id=agent_id, list_id=list_id)
        deliver(store, f"ended-{number}", call_outcome=("answered", "voicemail", "failed")[number])
    since = datetime.now(UTC) - DAY
    for wanted, outcomes in {
        OverviewFilter(): ["answered", "failed", "voicemail"],
        OverviewFilter(dag_id="one"): ["answered", "voicemail"],
        OverviewFilter(agent_id="ada"): ["answered", "failed"],
        OverviewFilter(list_id="vl_1"): ["answered"],
        OverviewFilter(dag_id="two", agent_id="bob"): [],
    }.items():
        assert [each.outcome for each in store.overview.hours(since, None, wanted).counts] == outcomes
        assert store.overview.count(None, wanted)["in_flight"] == len(outcomes)
    # A filter shows nobody more than they may see.
    assert store.overview.hours(since, {"two"}, OverviewFilter(dag_id="one")).counts == []


def test_a_recovered_call_is_counted(store):
    ours = claim(store, "lost")
    store.claims.record_unknown(ours, "no answer")
    deliver(store, "lost", duration_seconds=7, agent_id="agent", from_number="+14155550199")
    assert store.calls.get(ours.ref).state == "completed"
    assert totals(store) == {"answered": (1, 7)}


def test_a_call_whose_completion_is_another_calls_is_counted_no_more(store):
    ours = claim(store, "lost")
    store.claims.record_unknown(ours, "no answer")
    deliver(store, "call-2", duration_seconds=7, agent_id="agent", from_number="+14155550199")
    assert totals(store) == {"answered": (1, 7)}
    other = claim(store, "other", to_number=NUMBER)
    store.claims.record_queued(other, "call-2")
    assert store.calls.get(ours.ref).state == "unknown"
    assert totals(store) == {"answered": (1, 7)}
    assert [row.start_hour is None for row in rows(store, schema.call)] == [True, False]


def test_a_completion_that_no_call_has_is_unmatched_until_one_has_it(store):
    deliver(store, "early", duration_seconds=7)
    assert store.overview.webhooks().unmatched == 1
    assert totals(store) == {}
    ours = claim(store, "early")
    store.claims.record_queued(ours, "early")
    assert store.overview.webhooks().unmatched == 0
    assert totals(store) == {"answered": (1, 7)}


def test_one_that_may_be_of_a_call_that_is_being_placed_is_not_unmatched_yet(store):
    claim(store, "early")
    deliver(store, "early", agent_id="agent", from_number="+14155550199")
    assert store.overview.webhooks().unmatched == 0


def test_the_oldest_of_too_many_unmatched_are_not_counted(store, monkeypatch):
    monkeypatch.setattr(completed_calls, "MAX_FOREIGN", 2)
    for number in range(4):
        deliver(store, f"strange-{number}")
    assert store.overview.webhooks().unmatched == 2


def test_purged_and_erased_calls_stay_counted(store):
    complete(store, "one", duration_seconds=60)
    store.retention.purge(datetime.now(UTC) + DAY)
    complete(store, "two", duration_seconds=60)
    store.retention.erase(NUMBER)
    assert totals(store) == {"answered": (2, 120)}


def test_what_has_been_counted_is_shown_for_a_minute(store):
    now = [0.0]
    seen = Overview(store.database, store.environment, monotonic=lambda: now[0])
    since = datetime.now(UTC) - DAY
    first = seen.hours(since)
    complete(store, "one")
    now[0] = minute_cache.CACHED_FOR - 1
    assert seen.hours(since) is first
    now[0] = minute_cache.CACHED_FOR
    assert [each.calls for each in seen.hours(since).counts] == [1]


def test_nobody_is_shown_what_was_counted_for_somebody_else_or_another_period(store):
    complete(store, "one", dag_id="one")
    complete(store, "two", "voicemail", dag_id="two")
    since = datetime.now(UTC) - DAY
    seen = [store.overview.hours(since, dag_ids).counts for dag_ids in (None, {"one"}, {"two"}, {"one", "two"}, set())]
    assert [[each.outcome for each in shown] for shown in seen] == [
        *(["answered", "voicemail"], ["answered"], ["voicemail"], ["answered", "voicemail"], []),
    ]
    assert store.overview.hours(datetime.now(UTC) + DAY).counts == []


def test_many_who_look_at_once_are_served_by_one_query(store, monkeypatch):
    complete(store, "one")
    began, reading = threading.Event(), []
    count = Overview._count_hours

    def slowly(self, *which):
        reading.append(which)
        began.wait(0.2)
        return count(self, *which)

    monkeypatch.setattr(Overview, "_count_hours", slowly)
    since = datetime.now(UTC) - DAY
    found = in_threads(*[lambda: store.overview.hours(since)] * 8)
    assert len(reading) == 1
    assert {id(each) for each in found} == {id(found[0])}


def test_an_error_is_not_remembered(store, monkeypatch):
    complete(store, "one")
    since = datetime.now(UTC) - DAY
    with monkeypatch.context() as broken:

        def fail(self, *_):
            raise StoreError("away")

        broken.setattr(Overview, "_count_hours", fail)
        with pytest.raises(StoreError):
            store.overview.hours(since)
    assert [each.calls for each in store.overview.hours(since).counts] == [1]


def test_what_was_counted_for_many_visitors_does_not_pile_up(store):
    for number in range(minute_cache.MAX_CACHED + 10):
        store.overview.hours(datetime.now(UTC) - DAY, {f"dag_{number}"})
    assert len(store.overview._hours) == minute_cache.MAX_CACHED


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
    assert store.overview.count() == {"in_flight": 2, "waiting": 0, "unknown": 1, "overdue": 1}
    assert store.overview.count({"other"}) == {"in_flight": 1, "waiting": 0, "unknown": 0, "overdue": 0}


def test_whether_webhooks_come_is_told(store):
    assert store.overview.webhooks() == Webhooks(None, 0, 0, 0)
    deliver(store, "one")
    store.rejected_webhooks.add("voiceinfra_default", 3)
    found = store.overview.webhooks()
    assert found.newest > datetime.now(UTC) - timedelta(minutes=1)
    assert (found.rejected, found.unmatched) == (3, 1)
    with shift(2 * DAY):
        assert store.overview.webhooks().rejected == 0
