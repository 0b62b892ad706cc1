"""Once ``pause`` returns, no new POST starts; waiting calls are placed, or cancelled, when it ends."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.guard import pauses
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.guard.rules import Fence, Refused, Rule, Rules
from airflow_provider_voiceinfra.store.lists.list_rows import NewRow
from airflow_provider_voiceinfra.store.models import Claim, Source
from tests.unit.store.samples import CONN, NUMBER, new_call, rows, state


def pause(store, scope=Scope.ALL, name=""):
    return store.pauses.pause(scope, name, why="it says the wrong date", actor="ada")


@pytest.mark.parametrize(
    ("scope", "name", "stops"),
    [
        (Scope.ALL, "", True),
        (Scope.CONNECTION, CONN, True),
        (Scope.CONNECTION, "another", False),
        (Scope.AGENT, "agent", True),
        (Scope.AGENT, "another", False),
        (Scope.DAG, "dag", True),
        (Scope.DAG, "another", False),
        (Scope.LIST, "vl_1", True),
        (Scope.LIST, "vl_2", False),
    ],
)
def test_it_stops_what_is_in_its_scope(store, scope, name, stops):
    pause_id = pause(store, scope, name)
    taken = store.claims.take(new_call(list_id="vl_1"))
    assert isinstance(taken, Refused if stops else Claim)
    if stops:
        assert (taken.state, taken.refusal.rule, taken.refusal.pause_id) == ("waiting", Rule.PAUSED, pause_id)


def test_other_environments_go_on(store, open_store):
    pause(open_store(environment="staging"))
    assert isinstance(store.claims.take(new_call()), Claim)


def test_a_claim_that_has_not_passed_the_fence_does_not_any_more(store):
    claim = store.claims.take(new_call())
    pause(store)
    assert store.claims.fence(claim, new_call()).refusal.rule == Rule.PAUSED
    assert state(store, claim.ref) == "waiting"


def test_it_returns_when_what_had_passed_the_fence_is_sent(store, open_store):
    claim = store.claims.take(new_call())
    assert isinstance(store.claims.fence(claim, new_call()), Fence)
    returned = threading.Event()

    def place():
        pause(open_store())
        returned.set()

    holding = threading.Thread(target=place)
    holding.start()
    assert not returned.wait(0.3)
    store.claims.record_queued(claim, "call-1")
    assert returned.wait(10)
    holding.join()


def test_or_when_it_cannot_be_sent_any_more(store, monkeypatch):
    monkeypatch.setattr(pauses, "PERMIT_LIFETIME", timedelta(seconds=0.1))
    claim = store.claims.take(new_call())
    store.claims.fence(claim, new_call())
    pause(store)


def test_after_the_resume_waiting_calls_are_placed(store):
    pause_id = pause(store)
    waiting = store.claims.take(new_call())
    assert store.pauses.resumed([pause_id]) == set()
    assert store.pauses.resume(Scope.ALL, "", actor="bob") == 0
    assert store.pauses.resumed([pause_id]) == {pause_id}
    claim = store.claims.take(new_call())
    assert claim.ref == waiting.ref
    [row] = rows(store, schema.pause)
    assert (row.paused_by, row.why, row.resumed_by, row.cancelled) == ("ada", "it says the wrong date", "bob", False)


def test_or_is_cancelled_and_no_try_dials_it(store):
    pause(store)
    waiting = store.claims.take(new_call())
    store.claims.take(new_call("hours", source=Source()), Rules())
    assert store.pauses.resume(Scope.ALL, "", actor="bob", cancel=True) == 2
    assert state(store, waiting.ref) == "cancelled"
    again = store.claims.take(new_call())
    assert (again.ref, again.state) == (waiting.ref, "cancelled")
    assert isinstance(store.claims.take(new_call(source=Source("dag", "run", "run", "task", generation=1))), Claim)
    assert [row.actor for row in rows(store, schema.call_event) if row.kind == "cancelled"] == ["bob", "bob"]


def test_whichever_pause_it_met(store):
    pause(store)
    pause(store, Scope.DAG, "dag")
    waiting = store.claims.take(new_call())
    assert store.pauses.resume(Scope.DAG, "dag", actor="bob", cancel=True) == 1
    store.pauses.resume(Scope.ALL, "", actor="bob")
    assert store.claims.take(new_call()).state == state(store, waiting.ref) == "cancelled"


def test_also_where_it_was_held_again_before_anybody_woke(store):
    pause(store)
    store.claims.take(new_call())
    store.pauses.resume(Scope.ALL, "", actor="bob")
    pause(store)
    assert store.pauses.resume(Scope.ALL, "", actor="bob", cancel=True) == 1
    assert store.claims.take(new_call()).state == "cancelled"


def test_for_all_tasks_that_waited_for_the_same_call(store):
    tasks = [new_call(source=Source("dag", "run", "run", name)) for name in ("one", "two")]
    pause(store)
    for each in tasks:
        store.claims.take(each)
    store.pauses.resume(Scope.ALL, "", actor="bob", cancel=True)
    assert [store.claims.take(each).state for each in tasks] == ["cancelled", "cancelled"]


def test_a_row_of_a_list_that_a_worker_has_in_its_hands_is_cancelled_too(store):
    list_id = store.lists.open(Source("dag", "run", "run", "call"))
    store.lists.add(list_id, [NewRow(1, None, NUMBER, {}, {})], 0)
    pause(store)
    [row] = store.list_rows.due(list_id, datetime.now(UTC) + timedelta(seconds=1), 9)
    assert store.pauses.resume(Scope.ALL, "", actor="bob", cancel=True) == 1
    taken = store.claims.take(new_call(list_id=list_id, list_row=row.id))
    assert (taken.state, taken.refusal.rule) == ("cancelled", Rule.CANCELLED)


def test_what_waits_for_something_else_is_not_cancelled(store):
    day = datetime.now(UTC) + timedelta(days=1)
    late = store.claims.take(new_call(), Rules(max_calls_per_day=0))
    assert late.refusal.until <= day
    pause(store)
    store.pauses.resume(Scope.ALL, "", actor="bob", cancel=True)
    assert state(store, late.ref) == "waiting"


def test_of_two_pauses_each_is_ended_by_itself(store):
    pause(store, Scope.DAG, "dag")
    pause(store, Scope.AGENT, "agent")
    store.pauses.resume(Scope.DAG, "dag", actor="bob")
    assert [each.scope for each in store.pauses.in_force()] == [Scope.AGENT]
    assert isinstance(store.claims.take(new_call()), Refused)


def test_resuming_what_is_not_paused_is_an_error(store):
    with pytest.raises(StoreError, match="lists what is"):
        store.pauses.resume(Scope.ALL, "", actor="bob")


@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_permit_that_is_being_granted_is_seen_by_a_pause_that_comes_at_that_moment(store, open_store):
    claim = store.claims.take(new_call())
    other, returned = open_store(), threading.Event()
    fenced = {"fences": 1, "claim_expires_at": datetime.now(UTC) + timedelta(minutes=1)}
    with store.database.write() as tx:
        # A fence that found no pause, and is not committed yet.
        pauses.find_pauses(tx, "default")
        tx.execute(sa.update(schema.call).where(schema.call.c.id == claim.id).values(**fenced))
        holding = threading.Thread(target=lambda: (pause(other), returned.set()))
        holding.start()
        assert not returned.wait(0.2)
    assert not returned.wait(0.2)
    store.claims.record_queued(claim, "call-1")
    assert returned.wait(10)
    holding.join()
