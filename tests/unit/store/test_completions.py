"""What a webhook brings is kept once, in whatever order it comes, and ends its own call and no other."""

from __future__ import annotations

import pytest

from airflow_provider_voiceinfra.store import completions, tables
from airflow_provider_voiceinfra.store.completions import Delivery
from tests.unit.store.race import in_processes, in_threads
from tests.unit.store.samples import claim, deliver, queued, rows, state

LINK = "https://files.voiceinfra.ai/a.mp3"


def test_a_completion_ends_its_call(store):
    ours = queued(store, "call-1")
    assert deliver(store, "call-1", call_outcome="voicemail") is Delivery.NEW
    call = store.calls.get(ours.ref)
    assert (call.state, call.completion.outcome) == ("completed", "voicemail")
    assert call.completed_at is not None


def test_a_redelivery_is_counted_and_changes_nothing(store):
    queued(store, "call-1")
    deliver(store, "call-1")
    before = store.calls.get("call-1")
    assert deliver(store, "call-1") is Delivery.DUPLICATE
    assert store.calls.get("call-1") == before
    assert [row.deliveries for row in rows(store, tables.completion)] == [2]


def test_another_body_is_kept_and_not_acted_upon(store):
    queued(store, "call-1")
    deliver(store, "call-1")
    assert deliver(store, "call-1", call_outcome="failed") is Delivery.CONFLICT
    assert deliver(store, "call-1", call_outcome="failed") is Delivery.DUPLICATE
    assert store.calls.get("call-1").completion.outcome == "answered"
    assert store.completions.outcomes(["call-1"]) == {"call-1": "answered"}
    assert [row.first for row in rows(store, tables.completion)] == [True, False]


def test_a_link_signed_anew_is_no_other_body(store):
    deliver(store, recording_url=f"{LINK}?signature=one")
    assert deliver(store, recording_url=f"{LINK}?signature=two") is Delivery.DUPLICATE
    assert deliver(store, recording_url=f"{LINK}.old?signature=one") is Delivery.CONFLICT


@pytest.mark.parametrize(
    "fields",
    [
        {"agent_id": "a\0b" * 200, "from_number": "9" * 500, "to_number": "\0", "summary": "\0"},
        {"start_time": "0001-01-01T00:00:00Z", "end_time": "0001-01-01T00:00:00+23:59"},
        {"start_time": "9999-12-31T23:59:59.999999Z", "end_time": "9999-12-31T23:59:59-23:59"},
        {"duration_seconds": 10**400, "huge": 10**400, "deep": [[[[{}]]]], "🙂": "🙂"},
        {"agent_id": 7, "from_number": [], "to_number": {}, "start_time": 0},
    ],
    ids=["texts", "early", "late", "large", "types"],
)
def test_odd_values_are_kept_and_read_again(store, fields):
    ours = queued(store, "call-1")
    assert deliver(store, "call-1", **fields) is Delivery.NEW
    assert deliver(store, "call-1", **fields) is Delivery.DUPLICATE
    assert fields.items() <= store.calls.get(ours.ref).completion.payload.items()
    assert len(rows(store, tables.completion)) == 1


@pytest.mark.parametrize("link", ["http://[no link", "", None, 7, {"url": LINK}])
def test_a_link_that_is_none_is_compared_as_it_is(store, link):
    deliver(store, recording_url=link)
    assert deliver(store, recording_url=link) is Delivery.DUPLICATE
    assert deliver(store, recording_url="another") is Delivery.CONFLICT


def test_a_completion_before_the_answer_waits_for_its_call(store):
    deliver(store, "call-1")
    ours = queued(store, "call-1")
    assert state(store, ours.ref) == "completed"


def test_an_overdue_call_is_completed_still(store):
    queued(store, "call-1")
    store.claims.record_overdue("call-1")
    assert state(store, "call-1") == "overdue"
    deliver(store, "call-1")
    assert state(store, "call-1") == "completed"


def test_answer_and_completion_never_miss_each_other(open_store):
    one, other = open_store(), open_store()
    claims = [claim(one, f"key-{number}") for number in range(40)]
    for number, ours in enumerate(claims):
        in_threads(
            lambda ours=ours, call_id=f"call-{number}": one.claims.record_queued(ours, call_id),
            lambda call_id=f"call-{number}": deliver(other, call_id),
        )
    assert {call.state for call in one.calls.iterate()} == {"completed"}


def test_of_many_processes_that_bring_the_same_one_is_first(open_store):
    brought = in_processes(4, lambda _: deliver(open_store()).value)
    assert sorted(brought) == ["duplicate"] * 3 + ["new"]


def test_of_two_bodies_that_come_at_once_one_is_first(store):
    for number in range(10):
        brought = in_threads(
            lambda call_id=f"call-{number}": deliver(store, call_id, call_outcome="answered"),
            lambda call_id=f"call-{number}": deliver(store, call_id, call_outcome="failed"),
        )
        assert set(brought) == {Delivery.NEW, Delivery.CONFLICT}


def test_another_connections_webhook_ends_no_call(store):
    queued(store, "call-1")
    deliver(store, "call-1", conn="another", call_outcome="failed")
    assert state(store, "call-1") == "queued"
    assert store.completions.outcomes(["call-1"]) == {}
    deliver(store, "call-1")
    assert store.calls.get("call-1").completion.outcome == "answered"
    assert store.completions.outcomes(["call-1"]) == {"call-1": "answered"}


def test_a_call_that_nobody_placed_here_is_kept_and_found(store):
    deliver(store, "strange", summary="said elsewhere")
    assert store.completions.outcomes(["strange", "none"]) == {"strange": "answered"}
    assert store.calls.completion("strange").summary == "said elsewhere"
    assert store.calls.completion("none") is None


def test_every_call_that_has_the_id_is_ended(store, open_store):
    queued(store, "call-1")
    queued(open_store(environment="staging"), "call-1")
    deliver(store, "call-1")
    assert [row.state for row in rows(store, tables.call)] == ["completed", "completed"]


def test_outcomes_of_more_calls_than_a_query_takes(store, monkeypatch):
    monkeypatch.setattr(completions, "_IDS_PER_QUERY", 2)
    ids = [f"call-{number}" for number in range(5)]
    for call_id in ids:
        deliver(store, call_id)
    assert store.completions.outcomes(ids) == dict.fromkeys(ids, "answered")
    assert store.completions.outcomes([]) == {}


def test_arrivals_are_listed_in_order(store):
    assert store.completions.newest() == 0
    deliver(store, "a")
    cursor = store.completions.newest()
    deliver(store, "b")
    deliver(store, "a", call_outcome="failed")
    assert [call_id for _, call_id in store.completions.arrived_since(cursor)] == ["b", "a"]


def test_the_quarantine_keeps_a_body_once_with_the_reason(store):
    for _ in range(2):
        store.completions.quarantine("conn", b"\0\xff not JSON", "it is not JSON")
    (row,) = rows(store, tables.quarantine)
    assert (row.body, row.reason) == (b"\0\xff not JSON", "it is not JSON")


def test_the_quarantine_is_bounded_and_keeps_the_newest(store, monkeypatch):
    monkeypatch.setattr(completions, "QUARANTINE_LIMIT", 3)
    for number in range(5):
        store.completions.quarantine("conn", b"%d" % number, "test")
    assert [row.body for row in rows(store, tables.quarantine)] == [b"2", b"3", b"4"]
