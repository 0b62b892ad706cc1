"""Which earlier call stands in the way of a new one: retries, clears, moved lists, runs made anew."""

from __future__ import annotations

import pytest

from airflow_provider_voiceinfra.store.records import Claim, Held, HeldBy, Source
from tests.unit.store.samples import CONN, deliver, new_call

ADA, BOB = "+14155550100", "+14155550101"


def asked(store, number=ADA, *, index=0, generation=2, run="2026-11-23", task="call", clear=0, run_id="r", **changes):
    """Ask for a call as a task does, without a key of its own."""
    source = Source("dag", run_id, run, task, index, generation)
    base = f"dag/{run}/{task}/{index}/{number}"
    key = f"{base}/clear-{clear}" if clear else base
    call = new_call(key, base_key=base, own_key=False, source=source, to_number=number, **changes)
    return store.claims.take(call)


def placed(store, call_id="c-1", **how):
    claim = asked(store, **how)
    assert isinstance(claim, Claim)
    store.claims.record_queued(claim, call_id)
    return claim


def ended(store, call_id="c-1", **how):
    claim = placed(store, call_id, **how)
    deliver(store, call_id, conn=CONN)
    return claim


def test_a_retry_finds_the_call_that_was_placed(store):
    claim = placed(store)
    assert asked(store) == Held(claim.ref, HeldBy.KEY)


def test_a_clear_finds_it_too(store):
    claim = ended(store)
    assert asked(store, generation=5) == Held(claim.ref, HeldBy.KEY)


def test_a_run_that_was_deleted_and_made_anew_finds_it(store):
    claim = ended(store)
    assert asked(store, run_id="backfill__2026-11-23") == Held(claim.ref, HeldBy.KEY)


def test_a_list_that_moved_finds_the_same_number_under_another_index(store):
    claim = placed(store, index=3)
    assert asked(store, index=4, generation=5) == Held(claim.ref, HeldBy.MAP_INDEX)


def test_a_retry_that_would_call_another_person_finds_whom_the_first_try_called(store):
    claim = placed(store)
    assert asked(store, BOB) == Held(claim.ref, HeldBy.RETRY)


def test_a_clear_may_call_another_person(store):
    placed(store)
    assert isinstance(asked(store, BOB, generation=5), Claim)


@pytest.mark.parametrize("other", [{"run": "2026-11-24"}, {"task": "call_again"}])
def test_another_run_or_task_is_another_call(store, other):
    placed(store)
    assert isinstance(asked(store, **other), Claim)
    assert isinstance(asked(store, BOB, index=1, **other), Claim)


def test_what_was_not_placed_stands_in_nobodys_way(store):
    claim = asked(store)
    store.claims.release(claim, "nothing was sent")
    assert isinstance(asked(store, BOB), Claim)


def test_redialling_on_clear_calls_again_when_the_call_has_ended(store):
    ended(store)
    again = asked(store, generation=5, clear=3)
    assert isinstance(again, Claim)
    # A retry of the cleared task finds that one.
    assert asked(store, generation=5, clear=3) == Held(again.ref, HeldBy.KEY)


def test_redialling_on_clear_waits_for_a_call_that_has_not_ended(store):
    claim = placed(store)
    assert asked(store, generation=5, clear=3) == Held(claim.ref, HeldBy.KEY)
    store.claims.record_overdue("c-1")
    assert asked(store, generation=5, clear=3) == Held(claim.ref, HeldBy.KEY)


def test_a_clear_after_a_redial_finds_the_redial(store):
    ended(store)
    again = ended(store, "c-2", generation=5, clear=3)
    assert asked(store, generation=8) == Held(again.ref, HeldBy.KEY)


def test_own_keys_know_no_task(store):
    first = store.claims.take(new_call("mine", source=Source("one", "r", "r", "t")))
    assert store.claims.take(new_call("mine", source=Source("two", "q", "q", "u"))) == Held(first.ref, HeldBy.KEY)
    other = new_call("other", source=Source("one", "r", "r", "t"))
    assert isinstance(store.claims.take(other), Claim)
