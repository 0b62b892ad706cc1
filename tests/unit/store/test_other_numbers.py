"""A completion that names another number than was called is another call's, whatever its ``call_id``."""

from __future__ import annotations

import pytest

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.feed.completed_calls import CompletionFilter
from airflow_provider_voiceinfra.store.models import DeliveryResult
from tests.support.store_samples import CALLER, NUMBER, body, claim, deliver, delivery, events, queued, rows, state

OTHER = "+14155550123"


def followed(store, wanted=None):
    calls = store.completed_calls
    pages = calls.read(0, calls.last_position())
    return [
        call.call_id for page in pages for call in page if (wanted or CompletionFilter(foreign=True)).includes(call)
    ]


def test_it_does_not_complete_the_call_and_is_reported(store, caplog):
    ours = queued(store, "call-1")
    assert deliver(store, "call-1", to_number=OTHER, summary="not hers") is DeliveryResult.CONTRADICTION
    assert state(store, ours.ref) == "queued"
    assert store.completions.outcomes(["call-1"]) == {}
    assert store.calls.completion("call-1") is None
    assert followed(store) == []
    assert events(store, ours.id) == ["claimed", "queued", "completion_contradicts"]
    [event] = [event for event in store.calls.history(ours.id) if event.kind == "completion_contradicts"]
    assert event.detail == {"reason": "it names another to_number than was called"}
    assert f"{ours.ref} (call-1) names another number" in caplog.text
    assert NUMBER[2:] not in caplog.text
    assert OTHER[2:] not in caplog.text


def test_nor_where_it_comes_before_the_answer(store):
    ours = claim(store)
    deliver(store, "call-1", to_number=OTHER)
    store.claims.record_queued(ours, "call-1")
    assert state(store, ours.ref) == "queued"
    assert store.completions.outcomes(["call-1"]) == {}
    assert events(store, ours.id) == ["claimed", "queued", "completion_contradicts"]


def test_nor_an_overdue_call(store):
    ours = queued(store, "call-1")
    store.claims.record_overdue("call-1")
    deliver(store, "call-1", to_number=OTHER)
    assert state(store, ours.ref) == "overdue"


def test_the_calls_own_completion_completes_it_still(store):
    """It is kept aside, so it does not stand in the way of the true one."""
    ours = queued(store, "call-1")
    deliver(store, "call-1", to_number=OTHER, summary="not hers")
    assert deliver(store, "call-1", summary="hers") is DeliveryResult.NEW
    assert deliver(store, "call-1", summary="later") is DeliveryResult.DIFFERENT
    assert store.calls.get(ours.ref).completion.summary == "hers"
    assert store.completions.outcomes(["call-1"]) == {"call-1": "answered"}
    assert followed(store) == ["call-1"]
    assert [row.first for row in rows(store, schema.completion)] == [False, True, False]


@pytest.mark.parametrize("order", [(OTHER, NUMBER), (NUMBER, OTHER)])
def test_of_two_that_came_before_the_answer_the_calls_own_is_taken(store, order):
    ours = claim(store)
    for number in order:
        deliver(store, "call-1", to_number=number, summary=number)
    store.claims.record_queued(ours, "call-1")
    assert store.calls.get(ours.ref).completion.summary == NUMBER


def test_so_it_is_of_two_that_come_at_once(store):
    ours = queued(store, "call-1")
    wrong, right = body("call-1", to_number=OTHER), body("call-1", summary="hers")
    assert store.deliveries.keep([delivery(wrong), delivery(right)]) == [
        DeliveryResult.CONTRADICTION,
        DeliveryResult.NEW,
    ]
    assert store.calls.get(ours.ref).completion.summary == "hers"


def test_a_redelivery_of_it_changes_nothing_and_is_not_reported_again(store):
    ours = queued(store, "call-1")
    for kept in (DeliveryResult.CONTRADICTION, DeliveryResult.DUPLICATE, DeliveryResult.DUPLICATE):
        assert deliver(store, "call-1", to_number=OTHER) is kept
    assert events(store, ours.id) == ["claimed", "queued", "completion_contradicts"]


@pytest.mark.parametrize(
    "written",
    [
        NUMBER,
        "+1 (415) 555-0100",
        "tel:+1-415-555-0100",
        "14155550100",
        "415-555-0100",
        "",
        None,
        "+1415•••0100",
        "Ada",
    ],
)
def test_the_same_number_however_it_is_written_or_not_said_completes_the_call(store, written):
    ours = queued(store, "call-1")
    assert deliver(store, "call-1", to_number=written) is DeliveryResult.NEW
    assert state(store, ours.ref) == "completed"
    assert events(store, ours.id) == ["claimed", "queued", "completed"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"agent_id": "another"}, "it names another agent_id"),
        ({"from_number": OTHER}, "it names another from_number"),
        ({"agent_id": "another", "from_number": OTHER}, "it names another agent_id and from_number"),
    ],
)
@pytest.mark.parametrize("early", [False, True])
def test_another_agent_or_caller_id_is_only_reported(store, said, reason, early):
    ours = claim(store)
    if early:
        deliver(store, "call-1", **said)
    store.claims.record_queued(ours, "call-1")
    if not early:
        deliver(store, "call-1", **said)
    assert state(store, ours.ref) == "completed"
    assert [event.detail for event in store.calls.history(ours.id)][-1] == {"reason": reason}
    assert events(store, ours.id)[-2:] == ["completed", "completion_differs"]


def test_the_same_agent_and_caller_id_are_not_reported(store):
    ours = queued(store, "call-1")
    deliver(store, "call-1", agent_id="agent", from_number=f"tel:{CALLER}")
    assert events(store, ours.id) == ["claimed", "queued", "completed"]


def test_it_settles_no_other_call_either(store):
    """Its ``call_id`` is known: where another person's call is unknown, nothing is guessed."""
    queued(store, "call-1")
    unknown = claim(store, "other", to_number=OTHER)
    store.claims.record_unknown(unknown, "test")
    deliver(store, "call-1", to_number=OTHER, agent_id="agent", from_number=CALLER)
    assert state(store, unknown.ref) == "unknown"


def test_a_person_may_resolve_a_call_by_the_completion_of_its_number(store):
    ours = claim(store)
    store.claims.record_unknown(ours, "test")
    deliver(store, "call-1", to_number="415-555-0100")
    store.resolutions.placed(ours.ref, "call-1", actor="ada")
    assert state(store, ours.ref) == "completed"
