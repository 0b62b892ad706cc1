"""Which earlier call stands in the way of a new one: retries, clears, moved lists, runs made anew."""

from __future__ import annotations

from functools import partial

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.claims.results import Conflict, ConflictReason
from airflow_provider_voiceinfra.store.models import CallState, Source
from tests.support.race import in_threads
from tests.support.store_samples import CONN, claim_request, deliver

ADA, BOB = "+14155550100", "+14155550101"


def asked(store, number=ADA, *, index=0, generation=2, run="2026-11-23", task="call", clear=0, run_id="r", **changes):
    """Ask for a call as a task does, without a key of its own."""
    source = Source("dag", run_id, run, task, index, generation)
    base = f"dag/{run}/{task}/{index}/{number}"
    key = f"{base}/clear-{clear}" if clear else base
    call = claim_request(key, base_key=base, own_key=False, source=source, to_number=number, clear=clear, **changes)
    return store.claims.take(call)


def placed(store, call_id="c-1", **how):
    claim = asked(store, **how).claim
    store.claims.record_queued(claim, call_id)
    return claim


def ended(store, call_id="c-1", **how):
    claim = placed(store, call_id, **how)
    deliver(store, call_id, conn=CONN)
    return claim


def test_a_retry_finds_the_call_that_was_placed(store):
    claim = placed(store)
    assert asked(store).conflict == Conflict(claim.ref, ConflictReason.KEY)


def test_a_clear_finds_it_too(store):
    claim = ended(store)
    assert asked(store, generation=5).conflict == Conflict(claim.ref, ConflictReason.KEY)


def test_a_run_that_was_deleted_and_made_anew_finds_it(store):
    claim = ended(store)
    assert asked(store, run_id="backfill__2026-11-23").conflict == Conflict(claim.ref, ConflictReason.KEY)


def test_a_list_that_moved_finds_the_same_number_under_another_index(store):
    claim = placed(store, index=3)
    assert asked(store, index=4, generation=5).conflict == Conflict(claim.ref, ConflictReason.MAP_INDEX)


def test_a_retry_that_would_call_another_person_finds_whom_the_first_try_called(store):
    claim = placed(store)
    assert asked(store, BOB).conflict == Conflict(claim.ref, ConflictReason.RETRY)


def test_a_clear_may_call_another_person(store):
    placed(store)
    assert asked(store, BOB, generation=5).claim


@pytest.mark.parametrize("other", [{"run": "2026-11-24"}, {"task": "call_again"}])
def test_another_run_or_task_is_another_call(store, other):
    placed(store)
    assert asked(store, **other).claim
    assert asked(store, BOB, index=1, **other).claim


def test_what_was_not_placed_stands_in_nobodys_way(store):
    claim = asked(store).claim
    store.claims.release(claim, "nothing was sent")
    assert asked(store, BOB).claim


def test_redialling_on_clear_calls_again_when_the_call_has_ended(store):
    ended(store)
    again = asked(store, generation=5, clear=3).claim
    # A retry of the cleared task finds that one.
    assert asked(store, generation=5, clear=3).conflict == Conflict(again.ref, ConflictReason.KEY)


def test_redialling_on_clear_waits_for_a_call_that_has_not_ended(store):
    claim = placed(store)
    assert asked(store, generation=5, clear=3).conflict == Conflict(claim.ref, ConflictReason.KEY)
    store.claims.record_overdue("c-1")
    assert asked(store, generation=5, clear=3).conflict == Conflict(claim.ref, ConflictReason.KEY)


def test_a_retry_of_a_cleared_task_stays_with_the_call_that_the_clear_has_found(store):
    claim = placed(store)
    assert asked(store, generation=5, clear=3).conflict == Conflict(claim.ref, ConflictReason.KEY)
    deliver(store, "c-1", conn=CONN)
    assert asked(store, generation=5, clear=3).conflict == Conflict(claim.ref, ConflictReason.KEY)
    assert [event.kind for event in store.calls.history(claim.id)].count("found") == 1
    # The next clear is another wish.
    assert asked(store, generation=8, clear=6).claim


def forget_history(store):
    with store.database.write() as tx:
        tx.execute(sa.delete(schema.call_event))


def test_whether_to_redial_is_not_read_from_the_history(store):
    claim = placed(store)
    assert asked(store, generation=5, clear=3).conflict == Conflict(claim.ref, ConflictReason.KEY)
    deliver(store, "c-1", conn=CONN)
    forget_history(store)
    assert asked(store, generation=5, clear=3).conflict == Conflict(claim.ref, ConflictReason.KEY)
    assert asked(store, generation=8, clear=6).claim


def test_each_of_many_tasks_that_were_blocked_under_a_key_stays_blocked_until_its_own_clear(store):
    def ask(index, generation=1):
        source = Source("dag", "r", "run", "call", index, generation)
        return store.claims.take(claim_request("mine", source=source))

    store.do_not_call.add([claim_request().to_number], actor="ada", reason="asked")
    refs = {ask(index).denied.ref for index in range(100)}
    forget_history(store)
    store.do_not_call.remove(claim_request().to_number, actor="ada", reason="a mistake")
    retries = [ask(index).denied for index in range(100)]
    assert {each.ref for each in retries} <= refs
    assert {each.state for each in retries} == {CallState.DO_NOT_CALL}
    assert ask(7, generation=2).claim


def test_a_list_that_moved_finds_the_same_number_after_it_was_purged(store):
    claim = ended(store, index=3)
    store.retention.erase(ADA)
    assert asked(store, index=4, generation=5).conflict == Conflict(claim.ref, ConflictReason.MAP_INDEX)
    assert asked(store, BOB, index=3).conflict == Conflict(claim.ref, ConflictReason.RETRY)
    assert asked(store, index=3).conflict == Conflict(claim.ref, ConflictReason.KEY)


def test_a_clear_after_a_redial_finds_the_redial(store):
    ended(store)
    again = ended(store, "c-2", generation=5, clear=3)
    assert asked(store, generation=8).conflict == Conflict(again.ref, ConflictReason.KEY)


def test_own_keys_know_no_task(store):
    first = store.claims.take(claim_request("mine", source=Source("one", "r", "r", "t"))).claim
    assert store.claims.take(claim_request("mine", source=Source("two", "q", "q", "u"))).conflict == Conflict(
        first.ref, ConflictReason.KEY
    )
    other = claim_request("other", source=Source("one", "r", "r", "t"))
    assert store.claims.take(other).claim


def test_one_clear_of_two_tasks_that_share_a_key_calls_again_once_at_most(store):
    def shared(index, generation, clear=0):
        source = Source("dag", "r", "run", "call", index, generation)
        key = f"mine/clear-{clear}" if clear else "mine"
        return store.claims.take(claim_request(key, base_key="mine", source=source, clear=clear))

    first = shared(0, 1).claim
    store.claims.record_queued(first, "c-1")
    deliver(store, "c-1", conn=CONN)
    assert shared(1, 2).conflict == Conflict(first.ref, ConflictReason.KEY)
    again = shared(0, 2, clear=1).claim
    store.claims.record_queued(again, "c-2")
    deliver(store, "c-2", conn=CONN)
    # The other one was retried once more before the clear, so that its count differs.
    assert shared(1, 3, clear=2).conflict == Conflict(again.ref, ConflictReason.KEY)


def test_a_retry_under_fewer_retries_than_before_is_no_clear(store):
    claim = ended(store, generation=3)
    assert asked(store, generation=3, clear=2).conflict == Conflict(claim.ref, ConflictReason.KEY)


def test_a_worker_of_an_earlier_clear_that_wakes_late_calls_nobody(store):
    ended(store, generation=1)
    second = ended(store, "c-2", generation=5, clear=4)
    assert asked(store, generation=3, clear=2).conflict == Conflict(second.ref, ConflictReason.KEY)


def test_an_answer_after_a_person_said_not_placed_keeps_others_from_calling(store):
    claim = asked(store).claim
    store.claims.request_permit(claim)
    store.claims.record_unknown(claim, "slow")
    store.resolutions.not_placed(claim.ref, actor="ada")
    store.claims.record_queued(claim, "c-1")
    assert asked(store).conflict == Conflict(claim.ref, ConflictReason.KEY)


@pytest.mark.parametrize("kind", ["postgresql"])
def test_two_indexes_racing_for_a_number_place_one_whatever_the_server_isolates(store, store_url, open_store):
    engine = sa.create_engine(store_url, isolation_level="AUTOCOMMIT")
    name = engine.url.database
    with engine.connect() as connection:
        connection.execute(sa.text(f"ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'"))
    try:
        stores = [open_store() for _ in range(4)]
        for round_ in range(5):
            asks = [partial(asked, each, index=index, run=str(round_)) for index, each in enumerate(stores)]
            taken = in_threads(*asks)
            assert len([each for each in taken if each.claim]) == 1
    finally:
        with engine.connect() as connection:
            connection.execute(sa.text(f"ALTER DATABASE {name} RESET default_transaction_isolation"))
        engine.dispose()
