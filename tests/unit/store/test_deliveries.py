"""What a webhook brings is kept once, whatever it brings and however often."""

from __future__ import annotations

import dataclasses

import pytest

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.inbox import quarantine
from airflow_provider_voiceinfra.store.models import DeliveryResult
from tests.support.race import in_processes, in_threads
from tests.support.store_samples import body, claim, deliver, delivery, queued, rows, state

LINK = "https://files.voiceinfra.ai/a.mp3"


def test_a_redelivery_is_counted_and_changes_nothing(store):
    queued(store, "call-1")
    deliver(store, "call-1")
    before = store.calls.get("call-1")
    assert deliver(store, "call-1") is DeliveryResult.DUPLICATE
    assert store.calls.get("call-1") == before
    assert [row.redeliveries for row in rows(store, schema.completion)] == [1]


def test_another_body_is_kept_and_not_acted_upon(store):
    queued(store, "call-1")
    deliver(store, "call-1")
    assert deliver(store, "call-1", call_outcome="failed") is DeliveryResult.DIFFERENT
    assert deliver(store, "call-1", call_outcome="failed") is DeliveryResult.DUPLICATE
    assert store.calls.get("call-1").completion.outcome == "answered"
    assert store.completions.outcomes(["call-1"]) == {"call-1": "answered"}
    assert [row.first for row in rows(store, schema.completion)] == [True, False]


def test_a_link_signed_anew_is_no_other_body(store):
    deliver(store, recording_url=f"{LINK}?signature=one")
    assert deliver(store, recording_url=f"{LINK}?signature=two") is DeliveryResult.DUPLICATE
    assert deliver(store, recording_url=f"{LINK}.old?signature=one") is DeliveryResult.DIFFERENT


@pytest.mark.parametrize(
    "fields",
    [
        {"agent_id": "a\1b" * 200, "from_number": "9" * 500, "to_number": "\1", "summary": "\1"},
        {"start_time": "0001-01-01T00:00:00Z", "end_time": "0001-01-01T00:00:00+23:59"},
        {"start_time": "9999-12-31T23:59:59.999999Z", "end_time": "9999-12-31T23:59:59-23:59"},
        {"duration_seconds": 2**63 - 1, "huge": 1e300, "deep": [[[[{}]]]], "🙂": "🙂"},
        {"agent_id": 7, "from_number": [], "to_number": {}, "start_time": 0},
    ],
    ids=["texts", "early", "late", "large", "types"],
)
def test_odd_values_are_kept_and_read_again(store, fields):
    ours = queued(store, "call-1")
    assert deliver(store, "call-1", **fields) is DeliveryResult.NEW
    assert deliver(store, "call-1", **fields) is DeliveryResult.DUPLICATE
    assert fields.items() <= store.calls.get(ours.ref).completion.payload.items()
    assert len(rows(store, schema.completion)) == 1


@pytest.mark.parametrize("link", ["http://[no link", "", None, 7, {"url": LINK}])
def test_a_link_that_is_none_is_compared_as_it_is(store, link):
    deliver(store, recording_url=link)
    assert deliver(store, recording_url=link) is DeliveryResult.DUPLICATE
    assert deliver(store, recording_url="another") is DeliveryResult.DIFFERENT


def test_of_many_processes_that_bring_the_same_one_is_first(open_store):
    brought = in_processes(4, lambda _: deliver(open_store()).value)
    assert sorted(brought) == ["duplicate"] * 3 + ["new"]


def test_of_two_bodies_that_come_at_once_one_is_first(store):
    for number in range(10):
        brought = in_threads(
            lambda call_id=f"call-{number}": deliver(store, call_id, call_outcome="answered"),
            lambda call_id=f"call-{number}": deliver(store, call_id, call_outcome="failed"),
        )
        assert set(brought) == {DeliveryResult.NEW, DeliveryResult.DIFFERENT}


def test_the_quarantine_keeps_a_body_once_with_the_reason(store):
    strange = delivery(b"\0\xff not JSON")
    assert store.deliveries.keep([strange, strange]) == [DeliveryResult.QUARANTINED, DeliveryResult.DUPLICATE]
    assert store.deliveries.keep([strange]) == [DeliveryResult.DUPLICATE]
    (row,) = rows(store, schema.quarantine)
    assert (row.body, row.reason) == (b"\0\xff not JSON", "it is not JSON")


def test_the_quarantine_is_bounded_and_keeps_the_newest(store, monkeypatch):
    monkeypatch.setattr(quarantine, "LIMIT", 3)
    for number in range(5):
        store.deliveries.keep([delivery(b"%d" % number)])
    assert [row.body for row in rows(store, schema.quarantine)] == [b"2", b"3", b"4"]


def test_many_deliveries_share_a_commit_and_each_is_as_if_it_had_come_alone(store):
    ours, unknown = queued(store, "call-1"), claim(store, "unknown")
    store.claims.record_unknown(unknown, "timeout")
    party = {"agent_id": "agent", "from_number": "+14155550199", "to_number": "+14155550100"}
    bodies = [
        body("call-1", summary="first"),
        b"not JSON",
        body("call-1", summary="second"),
        body("call-1", summary="first"),
        body("call-2", **party),
        body("call-3", to_number="+14155550155"),
    ]
    assert store.deliveries.keep([delivery(each) for each in bodies]) == [
        DeliveryResult.NEW,
        DeliveryResult.QUARANTINED,
        DeliveryResult.DIFFERENT,
        DeliveryResult.DUPLICATE,
        DeliveryResult.NEW,
        DeliveryResult.NEW,
    ]
    assert store.calls.get(ours.ref).completion.summary == "first"
    assert state(store, unknown.ref) == "completed"
    assert store.calls.completion("call-3").outcome == "answered"


def test_a_body_that_the_database_refuses_keeps_no_other_out(store):
    refused = dataclasses.replace(delivery(body("call-2")), outcome=None)
    assert store.deliveries.keep([delivery(body("call-1")), refused]) == [
        DeliveryResult.NEW,
        DeliveryResult.QUARANTINED,
    ]
    assert store.deliveries.keep([refused]) == [DeliveryResult.DUPLICATE]
    assert [row.body for row in rows(store, schema.quarantine)] == [refused.body]
    assert store.completions.outcomes(["call-1", "call-2"]) == {"call-1": "answered"}
