"""What follows a completed call is decided once, by columns: no later try decides otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from airflow_provider_voiceinfra.calls.next_call import NextCall, next_calls
from airflow_provider_voiceinfra.guard.validity import Place
from airflow_provider_voiceinfra.policies import Redial
from airflow_provider_voiceinfra.store import schema
from tests.support.store_samples import NUMBER, deliver, queued

REDIAL = Redial(goal="confirmed", callback_field="call_back_at", attempts=2)
PLACE = Place("America/New_York", NUMBER, None)


def answered(store, call_id="call-1", attempt=1, **extracted):
    ours = queued(store, call_id, key=f"key/{attempt}", base_key="key", attempt=attempt, list_id="vl_1")
    deliver(store, call_id, extracted_data=extracted)
    return ours.ref


def test_it_is_decided_once_though_the_conversation_is_purged(store):
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=5)
    ref = answered(store, confirmed=False, call_back_at=at.isoformat())
    wanted = {ref: NextCall("no_goal", was_answered=True, redial_at=at)}
    assert next_calls(store, REDIAL, {ref: PLACE}) == wanted
    store.retention.purge(datetime.now(UTC) + timedelta(hours=1))
    assert next_calls(store, REDIAL, {ref: PLACE}) == wanted
    call = store.calls.get(ref)
    assert (call.goal, call.callback_at) == ("missed", at)
    # The callback is used up.
    again = answered(store, "call-2", attempt=2, confirmed=False, call_back_at=at.isoformat())
    assert next_calls(store, REDIAL, {again: PLACE}) == {again: NextCall("no_goal", was_answered=True)}
    assert store.extractions.count("vl_1") == {"goal_unreadable": 0, "callback_ignored": 1}


def test_of_a_conversation_that_was_purged_before_nothing_follows(store):
    ref = answered(store, confirmed=False, call_back_at="17:00")
    with store.database.write() as tx:
        tx.execute(sa.update(schema.completion).values(body=b""))
    assert next_calls(store, REDIAL, {ref: PLACE}) == {ref: NextCall("answered", was_answered=True)}
    assert store.calls.get(ref).goal == "unreadable"
    assert store.extractions.count("vl_1") == {"goal_unreadable": 1, "callback_ignored": 0}
