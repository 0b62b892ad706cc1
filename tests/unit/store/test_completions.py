"""What a webhook brings ends its own call and no other, in whatever order it comes."""

from __future__ import annotations

from airflow_provider_voiceinfra.store.inbox import completions
from airflow_provider_voiceinfra.store.models import DeliveryResult
from tests.support.race import in_threads
from tests.support.store_samples import claim, deliver, queued, state


def test_a_completion_ends_its_call(store):
    ours = queued(store, "call-1")
    assert deliver(store, "call-1", call_outcome="voicemail") is DeliveryResult.NEW
    call = store.calls.get(ours.ref)
    assert (call.state, call.completion.outcome) == ("completed", "voicemail")
    assert call.completed_at is not None


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
