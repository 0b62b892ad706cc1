"""Calls are found by ref and by call_id, and listed page by page."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.models import CallState, Source
from airflow_provider_voiceinfra.store.reads import call_reader
from airflow_provider_voiceinfra.store.reads.call_filter import CallFilter
from tests.support.store_samples import CALLER, CONN, NUMBER, SECRET, claim, claim_request, deliver, queued


def test_a_call_is_found_by_ref_and_by_call_id_whole(store):
    ours = queued(store, "call-1", key="reminder-7", key_label="label")
    deliver(store, "call-1", data={"intent": "confirm"})
    call = store.calls.get(ours.ref)
    assert call == store.calls.get("call-1")
    assert (call.idempotency_key, call.host, call.conn_id) == ("label", "api.voiceinfra.ai", CONN)
    assert (call.agent_id, call.from_number, call.to_number) == ("agent", CALLER, NUMBER)
    assert (call.source, call.metadata) == (Source("dag", "run", "run", "task"), {"appointment": 7})
    assert (call.request, call.fingerprint) == ({"context": SECRET}, {"agent_id": "a1"})
    assert call.completion.extracted == {"intent": "confirm"}
    assert call.claimed_at <= call.queued_at <= call.completed_at <= datetime.now(UTC)
    assert call.claim_expires_at > call.claimed_at


def test_why_a_call_was_rejected_stays_with_it(store):
    ours = claim(store)
    store.claims.record_rejected(ours, "invalid_phone", "not E.164")
    call = store.calls.get(ours.ref)
    assert (call.error_code, call.error_message) == ("invalid_phone", "not E.164")


def test_what_is_not_there_is_none(store):
    assert store.calls.get("vc_none") is None


def test_the_extracted_field_is_configured(open_store):
    store = open_store(extracted_field="more")
    queued(store, "call-1")
    deliver(store, "call-1", data={"a": 1}, more={"b": 2})
    assert store.calls.get("call-1").completion.extracted == {"b": 2}


def test_other_environments_calls_are_not_seen(store, open_store):
    ours = queued(store, "call-1")
    staging = open_store(environment="staging")
    assert staging.calls.get(ours.ref) is None
    assert list(staging.calls.iterate()) == []
    assert staging.calls.count_by_state() == {}


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
def test_every_call_is_listed_once_newest_first_whatever_the_page(store, monkeypatch, count):
    monkeypatch.setattr(call_reader, "_PAGE", 2)
    refs = [claim(store, f"key-{number}").ref for number in range(count)]
    assert [call.ref for call in store.calls.iterate()] == refs[::-1]


def test_calls_placed_while_listing_do_not_repeat_others(store, monkeypatch):
    monkeypatch.setattr(call_reader, "_PAGE", 2)
    refs = [claim(store, f"key-{number}").ref for number in range(4)]
    listed = []
    for call in store.calls.iterate():
        listed.append(call.ref)
        claim(store, f"later-{len(listed)}")
    assert listed == refs[::-1]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"dag_id": "other"}, ["other"]),
        ({"dag_id": "none"}, []),
        ({"state": CallState.COMPLETED}, ["answered", "failed"]),
        ({"state": "claimed"}, ["old", "other"]),
        ({"outcome": "failed"}, ["failed"]),
        ({"outcome": "failed", "dag_id": "other"}, []),
        ({"since": datetime(2025, 1, 1, tzinfo=UTC)}, ["answered", "failed", "other"]),
    ],
    ids=str,
)
def test_filters(store, wanted, found):
    old = claim(store, "old")
    claim(store, "other", source=Source("other", "run", "task"))
    for outcome in ("answered", "failed"):
        queued(store, outcome, key_label=outcome)
        deliver(store, outcome, call_outcome=outcome)
    with store.database.write() as tx:
        before = datetime(2024, 1, 1, tzinfo=UTC)
        tx.execute(sa.update(schema.call).where(schema.call.c.id == old.id).values(claimed_at=before))
    assert sorted(call.idempotency_key for call in store.calls.iterate(CallFilter(**wanted))) == found


def test_calls_are_counted_by_state(store):
    queued(store, "call-1")
    claim(store, "a")
    claim(store, "b")
    assert store.calls.count_by_state() == {CallState.CLAIMED: 2, CallState.QUEUED: 1}


def test_repr_shows_no_number_no_words_and_no_key(store):
    queued(store, "call-1", key=f"own:{NUMBER}", key_label="label")
    deliver(store, "call-1", summary=SECRET)
    for shown in (repr(store.calls.get("call-1")), repr(claim_request(key=f"own:{NUMBER}", key_label="label"))):
        assert "label" in shown
        assert NUMBER not in shown
        assert CALLER not in shown
        assert SECRET not in shown
