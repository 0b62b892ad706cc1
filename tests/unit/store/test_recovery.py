"""A call whose answer nobody received is settled by its own completion, and by nothing that may be another's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from tests.support.store_samples import (
    PARTY,
    claim,
    claim_request,
    deliver,
    events,
    make_old,
    started,
    state,
    unknown,
)


def test_its_completion_settles_an_unknown_call(store):
    ours = unknown(store)
    deliver(store, "call-1", **started())
    call = store.calls.get(ours.ref)
    assert (call.state, call.call_id, call.completion.outcome) == ("completed", "call-1", "answered")
    assert events(store, ours.id)[-1] == "recovered"


def test_a_completion_that_came_first_settles_it_when_it_becomes_unknown(store):
    ours = claim(store)
    deliver(store, "call-1", **started())
    assert state(store, ours.ref) == "claimed"
    store.claims.record_unknown(ours, "500")
    assert state(store, ours.ref) == "completed"


def test_a_completion_that_came_first_settles_it_when_its_owner_is_gone(store):
    ours = claim(store)
    deliver(store, "call-1", **started())
    make_old(store, ours)
    assert store.claims.settled([ours.ref]) == set()
    assert store.claims.settled([ours.ref]) == {ours.ref}
    assert store.calls.get(ours.ref).call_id == "call-1"


def test_without_a_start_time_its_arrival_counts(store):
    ours = unknown(store)
    deliver(store, "call-1", **PARTY)
    assert state(store, ours.ref) == "completed"


@pytest.mark.parametrize(
    "other",
    [
        {"agent_id": "another"},
        {"to_number": "+14155550101"},
        {"from_number": "+14155550198"},
        {"agent_id": None},
        {"start_time": (datetime.now(UTC) - timedelta(minutes=5)).isoformat()},
        {"start_time": (datetime.now(UTC) + timedelta(hours=3)).isoformat()},
    ],
)
def test_what_does_not_fit_settles_nothing(store, other):
    ours = unknown(store)
    deliver(store, "call-1", **started(**other))
    assert state(store, ours.ref) == "unknown"


def test_another_connections_webhook_settles_nothing(store):
    ours = unknown(store)
    deliver(store, "call-1", conn="another", **started())
    assert state(store, ours.ref) == "unknown"


def test_a_clock_that_is_a_little_behind_is_borne_with(store):
    ours = unknown(store)
    deliver(store, "call-1", **started(-30))
    assert state(store, ours.ref) == "completed"


def test_with_two_such_calls_nothing_is_guessed_and_both_are_named(store):
    one, two = unknown(store, "one"), unknown(store, "two")
    deliver(store, "call-1", **started())
    assert [state(store, each.ref) for each in (one, two)] == ["unknown", "unknown"]
    assert store.resolutions.candidates(one.ref) == ((two.ref,), ("call-1",), 0)


def test_with_two_such_completions_nothing_is_guessed(store):
    ours = claim(store)
    for call_id in ("call-1", "call-2"):
        deliver(store, call_id, **started())
    store.claims.record_unknown(ours, "500")
    assert state(store, ours.ref) == "unknown"
    assert store.resolutions.candidates(ours.ref) == ((), ("call-1", "call-2"), 0)


def test_a_claim_in_flight_counts(store):
    ours, in_flight = unknown(store, "one"), claim(store, "two")
    deliver(store, "call-2", **started())
    assert state(store, ours.ref) == "unknown"
    # Its answer tells whose the completion was, and leaves nothing for the other.
    store.claims.record_queued(in_flight, "call-2")
    assert state(store, in_flight.ref) == "completed"
    assert state(store, ours.ref) == "unknown"
    deliver(store, "call-1", **started())
    assert store.calls.get(ours.ref).call_id == "call-1"


@pytest.mark.parametrize("end", ["release", "record_rejected"])
def test_a_claim_that_comes_to_nothing_leaves_the_completion_to_the_other(store, end):
    ours, in_flight = unknown(store, "one"), claim(store, "two")
    deliver(store, "call-1", **started())
    getattr(store.claims, end)(in_flight, *(["nothing was sent"] if end == "release" else ["c", "m"]))
    assert store.calls.get(ours.ref).call_id == "call-1"


def test_the_answer_of_the_post_outranks_a_match(store):
    ours = unknown(store)
    deliver(store, "call-1", **started())
    store.claims.record_queued(ours, "call-2")
    call = store.calls.get(ours.ref)
    assert (call.state, call.call_id, call.completion) == ("queued", "call-2", None)
    deliver(store, "call-2", **started())
    assert state(store, ours.ref) == "completed"


def test_an_answer_takes_back_what_another_call_was_settled_by(store):
    in_flight = claim(store, "one")
    make_old(store, in_flight)  # its owner is only slow
    deliver(store, "call-1", **started())
    assert store.calls.get(in_flight.ref).call_id == "call-1"
    other = claim(store, "two")
    store.claims.record_queued(other, "call-1")
    assert (state(store, in_flight.ref), state(store, other.ref)) == ("unknown", "completed")


def test_an_unknown_call_holds_its_key(store):
    ours = unknown(store)
    assert store.claims.take(claim_request()).conflict.ref == ours.ref


def test_a_person_settles_it_as_placed(store):
    ours = unknown(store)
    store.resolutions.placed(ours.ref, "call-9", actor="ada")
    assert (state(store, ours.ref), store.calls.get(ours.ref).call_id) == ("queued", "call-9")
    deliver(store, "call-9")
    assert state(store, ours.ref) == "completed"
    [event] = [each for each in store.calls.history(ours.id) if each.kind == "resolved"]
    assert (event.actor, event.detail) == ("ada", {"state": "queued"})


def test_a_person_settles_it_as_placed_after_its_completion(store):
    one, two = unknown(store, "one"), unknown(store, "two")
    for call_id in ("call-1", "call-2"):
        deliver(store, call_id, **started())
    store.resolutions.placed(one.ref, "call-1", actor="ada")
    # One is left of each: nothing to guess any more.
    assert [store.calls.get(each.ref).call_id for each in (one, two)] == ["call-1", "call-2"]


def test_a_call_that_was_not_placed_lets_its_key_go(store):
    ours = unknown(store)
    store.resolutions.not_placed(ours.ref, actor="ada")
    assert state(store, ours.ref) == "not_placed"
    assert claim(store).ref != ours.ref


def test_what_may_still_be_sent_is_not_resolved(store):
    ours = claim(store)
    store.claims.request_permit(ours)
    for resolve in (store.resolutions.not_placed, lambda ref, actor: store.resolutions.placed(ref, "c", actor=actor)):
        with pytest.raises(Exception, match="may still be sent: try again after"):
            resolve(ours.ref, actor="ada")
    assert store.claims.request_permit(ours).permit


@pytest.mark.parametrize("ref", ["vc_nobody", "queued"])
def test_only_an_unknown_call_is_resolved(store, ref):
    if ref == "queued":
        ours = claim(store)
        store.claims.record_queued(ours, "call-1")
        ref = ours.ref
    with pytest.raises(Exception, match=r"There is no call vc_nobody|is queued, not unknown"):
        store.resolutions.not_placed(ref, actor="ada")


def test_a_call_id_is_not_given_to_a_second_call(store):
    one, two = unknown(store, "one"), unknown(store, "two")
    store.resolutions.placed(one.ref, "call-1", actor="ada")
    with pytest.raises(Exception, match=f"call-1 is the call_id of {one.ref}"):
        store.resolutions.placed(two.ref, "call-1", actor="ada")


@pytest.mark.parametrize("kind", ["sqlite"])  # PostgreSQL reads a small table whole, and is right
def test_looking_for_matches_reads_no_whole_table(store):
    """The indexes that the queries were made for are used."""
    with store.database.read() as tx:
        for table, where in (
            (schema.completion, "received_at >= '2026-01-01' AND to_number = '1'"),
            (schema.completion, "call_id IN ('1', '2')"),
            (schema.call, "to_number = '1' AND state IN ('claimed', 'unknown')"),
        ):
            plan = tx.execute(sa.text(f"EXPLAIN QUERY PLAN SELECT * FROM {table.name} WHERE {where}")).all()
            assert "USING INDEX" in str(plan)


def test_a_person_cannot_give_a_call_the_completion_of_another_number(store):
    ours = unknown(store)
    deliver(store, "call-1", **started(to_number="+14155550101"))
    with pytest.raises(Exception, match="called another number"):
        store.resolutions.placed(ours.ref, "call-1", actor="ada")
    assert state(store, ours.ref) == "unknown"


def test_an_answer_outranks_what_a_person_said_of_another_call(store):
    mistaken, in_flight = unknown(store, "one"), claim(store, "two")
    store.resolutions.placed(mistaken.ref, "call-1", actor="ada")
    store.claims.record_queued(in_flight, "call-1")
    deliver(store, "call-1", **started())
    assert (state(store, mistaken.ref), state(store, in_flight.ref)) == ("unknown", "completed")


def test_the_same_call_id_at_another_account_takes_nothing_back(store):
    ours = unknown(store)
    deliver(store, "call-1", **started())
    elsewhere = claim(store, "two", host="sandbox", webhook_conn_id="sandbox")
    store.claims.record_queued(elsewhere, "call-1")
    assert state(store, ours.ref) == "completed"


def test_a_claim_that_is_met_by_anothers_recovery_is_recovered_too(store):
    ours = claim(store, "one")
    deliver(store, "call-1", **started())
    make_old(store, ours)
    # Another caller's completion for the same person looks at that person's claims.
    deliver(store, "call-2", **started(from_number="+14155550198"))
    store.claims.settled([ours.ref])
    assert store.calls.get(ours.ref).call_id == "call-1"
