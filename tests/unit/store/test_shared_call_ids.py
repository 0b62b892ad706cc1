"""One ``call_id`` in the answers to two POSTs: whose it is, nobody knows."""

from __future__ import annotations

import pytest

from tests.support.race import in_processes
from tests.support.store_samples import CALLER, CONN, NUMBER, claim, deliver, events, queued, state

OTHER = "+14155550123"


def pair(store, other_store=None):
    """Two claimed calls, to different people."""
    return claim(store, "one"), claim(other_store or store, "two", to_number=OTHER)


def assert_both_unknown(store, *claims, other_store=None):
    for ours, its_store in zip(claims, (store, other_store or store), strict=True):
        call = its_store.calls.get(ours.ref)
        assert (call.state, call.call_id, call.queued_at, call.completion) == ("unknown", None, None, None)
        [reason] = [event.detail for event in its_store.calls.history(ours.id) if event.kind == "unknown"]
        assert reason == {"reason": "VoiceInfra gave its call_id to another call too", "call_id": "call-1"}
    assert store.calls.get("call-1") is None
    assert store.completions.outcomes(["call-1"]) == {}
    assert store.calls.completion("call-1") is None


def record_together(store, one, two):
    store.claims.record_and_permit([(one, "call-1"), (two, "call-1")])


def record_one_by_one(store, one, two):
    store.claims.record_queued(one, "call-1")
    store.claims.record_queued(two, "call-1")


@pytest.mark.parametrize("record", [record_together, record_one_by_one])
@pytest.mark.parametrize("number", [NUMBER, OTHER, None])
@pytest.mark.parametrize("arrives", ["before", "between", "after", "never"])
def test_both_calls_are_unknown_and_its_completion_settles_neither(store, caplog, record, number, arrives):
    one, two = pair(store)

    def arrive():
        deliver(store, "call-1", to_number=number, agent_id="agent", from_number=CALLER)

    if arrives == "before":
        arrive()
    if arrives == "between":
        store.claims.record_queued(one, "call-1")
        arrive()
        store.claims.record_queued(two, "call-1")
    else:
        record(store, one, two)
    if arrives == "after":
        arrive()
    assert_both_unknown(store, one, two)
    assert "more than one POST with the call_id call-1" in caplog.text
    assert one.ref in caplog.text
    assert two.ref in caplog.text


def test_a_third_call_that_gets_it_is_unknown_too(store):
    one, two = pair(store)
    record_together(store, one, two)
    third = claim(store, "three", to_number="+14155550124")
    store.claims.record_queued(third, "call-1")
    assert state(store, third.ref) == "unknown"
    assert state(store, queued(store, "call-2", to_number="+14155550125").ref) == "queued"


def test_so_it_is_after_the_connection_was_renamed(store):
    record_together(store, *pair(store))
    store.connections.rename(CONN, "new", actor="ada")
    third = claim(store, "three", to_number="+14155550124", webhook_conn_id="new")
    store.claims.record_queued(third, "call-1")
    assert state(store, third.ref) == "unknown"


def test_in_environments_that_share_a_store_too(store, open_store, caplog):
    staging = open_store(environment="staging")
    one, two = pair(store, staging)
    store.claims.record_queued(one, "call-1")
    deliver(store, "call-1")
    assert state(store, one.ref) == "completed"
    staging.claims.record_queued(two, "call-1")
    assert_both_unknown(store, one, two, other_store=staging)
    assert one.ref not in caplog.text
    assert "a call of another environment" in caplog.text


def test_of_processes_that_record_it_at_once_none_keeps_it(open_store):
    store = open_store()
    claims = [claim(store, f"key-{number}", to_number=f"+1415555{number:04}") for number in range(100, 106)]
    store.close()

    def record(number):
        own = open_store()
        own.claims.record_queued(claims[number], "call-1")
        return "recorded"

    assert in_processes(len(claims), record) == ["recorded"] * len(claims)
    again = open_store()
    assert {state(again, ours.ref) for ours in claims} == {"unknown"}
    # None was refused for another reason.
    kinds = [kind for ours in claims for kind in events(again, ours.id)]
    assert kinds.count("unknown") == len(claims)


def test_of_processes_that_record_it_while_its_completion_comes_none_is_completed(open_store):
    store = open_store()
    claims = pair(store)
    store.close()

    def work(number):
        own = open_store()
        if number < len(claims):
            own.claims.record_queued(claims[number], "call-1")
        else:
            deliver(own, "call-1")
        return "done"

    in_processes(3, work)
    assert_both_unknown(open_store(), *claims)


def test_an_answer_that_is_recorded_twice_is_no_second_call(store):
    one, two = pair(store)
    store.claims.record_queued(one, "call-1")
    store.claims.record_queued(one, "call-1")
    store.claims.record_and_permit([(one, "call-1"), (two, "call-2")])
    assert (state(store, one.ref), state(store, two.ref)) == ("queued", "queued")


def test_neither_is_dialled_again(store):
    one, two = pair(store)
    record_together(store, one, two)
    for ours, key in ((one, "one"), (two, "two")):
        with pytest.raises(AssertionError):
            claim(store, key, to_number=NUMBER if ours is one else OTHER)


def test_a_person_may_say_whose_it_is(store):
    one, two = pair(store)
    record_together(store, one, two)
    deliver(store, "call-1", to_number=OTHER, summary="his")
    with pytest.raises(Exception, match="called another number"):
        store.resolutions.placed(one.ref, "call-1", actor="ada")
    store.resolutions.placed(two.ref, "call-1", actor="ada")
    assert store.calls.get(two.ref).completion.summary == "his"
    assert state(store, one.ref) == "unknown"


def test_two_accounts_may_use_one_call_id(store):
    one = queued(store, "call-1")
    elsewhere = claim(store, "two", webhook_conn_id="another")
    store.claims.record_queued(elsewhere, "call-1")
    assert (state(store, one.ref), state(store, elsewhere.ref)) == ("queued", "queued")
