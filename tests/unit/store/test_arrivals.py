"""What arrived by webhook can be looked at: the newest, the rejected, and what belongs to no call."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow_provider_voiceinfra.store.clock import shift
from airflow_provider_voiceinfra.store.models import Source
from tests.support.store_samples import CALLER, NUMBER, claim, deliver, queued


def test_the_newest_name_the_call_of_this_environment_that_they_completed(store, open_store):
    ours = queued(store, "ours", source=Source("one"))
    queued(open_store(environment="staging"), "theirs", to_number="+14155550111")
    for call_id in ("ours", "theirs", "of nobody"):
        deliver(store, call_id)
    deliver(store, "ours", summary="another body")
    assert [(each.ref, each.dag_id) for each in store.arrivals.newest()] == [
        *[(None, None)] * 3,
        (ours.ref, "one"),
    ]


def test_the_unmatched_are_those_that_are_counted_newest_first(store):
    queued(store, "ours")
    claim(store, "early", to_number="+14155550122")
    deliver(store, "early", agent_id="agent", from_number=CALLER, to_number="+14155550122")
    for call_id in ("ours", "first", "second"):
        deliver(store, call_id, agent_id="elsewhere", to_number=NUMBER, call_outcome="voicemail")
    found = store.arrivals.unmatched()
    assert [each.call_id for each in found] == ["second", "first"]
    assert (found[0].agent_id, found[0].to_number, found[0].outcome) == ("elsewhere", NUMBER, "voicemail")
    assert store.overview.webhooks().unmatched == 2
    assert NUMBER not in repr(found)


def test_the_rejected_are_counted_by_hour_and_connection(store):
    store.rejected_webhooks.add("second", 1)
    store.rejected_webhooks.add("first", 2)
    store.rejected_webhooks.add("first", 3)
    with shift(timedelta(hours=2)):
        store.rejected_webhooks.add("first", 4)
    found = store.rejected_webhooks.by_hour()
    assert [(each.webhook_conn_id, each.count) for each in found] == [("first", 4), ("first", 5), ("second", 1)]
    assert found[0].hour - found[1].hour == timedelta(hours=2)
    assert found[1].hour <= datetime.now(UTC) < found[1].hour + timedelta(hours=2)
