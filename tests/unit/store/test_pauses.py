"""Once ``pause`` returns, no new POST starts; waiting calls are placed, or cancelled, when it ends."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.guard import lifetimes, pauses
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.guard.rules import Rule, Rules
from airflow_provider_voiceinfra.store.lists.row_values import NewRow
from airflow_provider_voiceinfra.store.models import Source
from tests.support.store_samples import CONN, NUMBER, claim_request, rows, state


def pause(store, scope=Scope.ALL, name=""):
    return store.pauses.pause(scope, name, reason="it says the wrong date", actor="ada")


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
    result = store.claims.take(claim_request(list_id="vl_1"))
    assert (result.claim is None) == stops
    if stops:
        denial = result.denied.denial
        assert (result.denied.state, denial.rule, denial.pause_id) == ("waiting", Rule.PAUSED, pause_id)


def test_a_pause_with_an_end_ends_by_itself(store):
    ends_at = datetime.now(UTC) + timedelta(hours=1)
    pause_id = store.pauses.pause(Scope.ALL, "", reason="lunch", actor="ada", ends_at=ends_at)
    denial = store.claims.take(claim_request()).denied.denial
    assert (denial.until, store.pauses.resumed([pause_id])) == (ends_at, set())
    over = datetime.now(UTC) - timedelta(seconds=1)
    with store.database.write() as tx:
        tx.execute(sa.update(schema.pause).values(ends_at=over))
    assert store.claims.take(claim_request()).claim
    assert store.pauses.resumed([pause_id]) == {pause_id}
    assert store.pauses.in_force() == []
    assert store.pauses.last_resumed(Scope.ALL, "") == over
    with pytest.raises(StoreError, match="Nothing is paused"):
        store.pauses.resume(Scope.ALL, "", actor="ada")


def test_other_environments_go_on(store, open_store):
    pause(open_store(environment="staging"))
    assert store.claims.take(claim_request()).claim


def test_a_claim_that_has_no_permit_gets_none_any_more(store):
    claim = store.claims.take(claim_request()).claim
    pause(store)
    assert store.claims.request_permit(claim).denied.denial.rule == Rule.PAUSED
    assert state(store, claim.ref) == "waiting"


def test_it_returns_when_what_had_a_permit_is_sent(store, open_store):
    claim = store.claims.take(claim_request()).claim
    assert store.claims.request_permit(claim).permit
    returned = threading.Event()

    def place():
        pause(open_store())
        returned.set()

    holding = threading.Thread(target=place)
    holding.start()
    assert not returned.wait(0.3)
    store.claims.record_queued(claim, "call-1")
    assert returned.wait(60)
    holding.join()


def test_or_when_it_cannot_be_sent_any_more(store, monkeypatch):
    monkeypatch.setattr(lifetimes, "PERMIT_LIFETIME", timedelta(seconds=0.1))
    claim = store.claims.take(claim_request()).claim
    store.claims.request_permit(claim)
    pause(store)


def test_after_the_resume_waiting_calls_are_placed(store):
    pause_id = pause(store)
    waiting = store.claims.take(claim_request()).denied
    assert store.pauses.resumed([pause_id]) == set()
    assert store.pauses.resume(Scope.ALL, "", actor="bob") == 0
    assert store.pauses.resumed([pause_id]) == {pause_id}
    claim = store.claims.take(claim_request()).claim
    assert claim.ref == waiting.ref
    [row] = rows(store, schema.pause)
    assert (row.paused_by, row.reason, row.resumed_by, row.cancelled) == ("ada", "it says the wrong date", "bob", False)


def test_or_is_cancelled_and_no_try_dials_it(store):
    pause(store)
    waiting = store.claims.take(claim_request()).denied
    store.claims.take(claim_request("hours", source=Source(), rules=Rules()))
    assert store.pauses.resume(Scope.ALL, "", actor="bob", cancel=True) == 2
    assert state(store, waiting.ref) == "cancelled"
    again = store.claims.take(claim_request()).denied
    assert (again.ref, again.state) == (waiting.ref, "cancelled")
    assert store.claims.take(claim_request(source=Source("dag", "run", "run", "task", generation=1))).claim
    assert [row.actor for row in rows(store, schema.call_event) if row.kind == "cancelled"] == ["bob", "bob"]


def test_whichever_pause_it_met(store):
    pause(store)
    pause(store, Scope.DAG, "dag")
    waiting = store.claims.take(claim_request()).denied
    assert store.pauses.resume(Scope.DAG, "dag", actor="bob", cancel=True) == 1
    store.pauses.resume(Scope.ALL, "", actor="bob")
    assert store.claims.take(claim_request()).denied.state == state(store, waiting.ref) == "cancelled"


def test_also_where_it_was_held_again_before_anybody_woke(store):
    pause(store)
    store.claims.take(claim_request())
    store.pauses.resume(Scope.ALL, "", actor="bob")
    pause(store)
    assert store.pauses.resume(Scope.ALL, "", actor="bob", cancel=True) == 1
    assert store.claims.take(claim_request()).denied.state == "cancelled"


def test_for_all_tasks_that_waited_for_the_same_call(store):
    tasks = [claim_request(source=Source("dag", "run", "run", name)) for name in ("one", "two")]
    pause(store)
    for each in tasks:
        store.claims.take(each)
    store.pauses.resume(Scope.ALL, "", actor="bob", cancel=True)
    assert [store.claims.take(each).denied.state for each in tasks] == ["cancelled", "cancelled"]


def test_a_row_of_a_list_that_a_worker_has_in_its_hands_is_cancelled_too(store):
    list_id = store.lists.open(Source("dag", "run", "run", "call"))
    store.lists.add(list_id, [NewRow(1, None, NUMBER, {}, {})], 0)
    pause(store)
    [row] = store.list_rows.due(list_id, datetime.now(UTC) + timedelta(seconds=1), 9)
    assert store.pauses.resume(Scope.ALL, "", actor="bob", cancel=True) == 1
    denied = store.claims.take(claim_request(list_id=list_id, list_row=row.id)).denied
    assert (denied.state, denied.denial.rule) == ("cancelled", Rule.CANCELLED)


def test_what_waits_for_something_else_is_not_cancelled(store):
    day = datetime.now(UTC) + timedelta(days=1)
    late = store.claims.take(claim_request(rules=Rules(max_calls_per_day=0))).denied
    assert late.denial.until <= day
    pause(store)
    store.pauses.resume(Scope.ALL, "", actor="bob", cancel=True)
    assert state(store, late.ref) == "waiting"


def test_of_two_pauses_each_is_ended_by_itself(store):
    pause(store, Scope.DAG, "dag")
    pause(store, Scope.AGENT, "agent")
    store.pauses.resume(Scope.DAG, "dag", actor="bob")
    assert [each.scope for each in store.pauses.in_force()] == [Scope.AGENT]
    assert store.claims.take(claim_request()).denied


def test_resuming_what_is_not_paused_is_an_error(store):
    with pytest.raises(StoreError, match="lists what is"):
        store.pauses.resume(Scope.ALL, "", actor="bob")


@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_permit_that_is_being_granted_is_seen_by_a_pause_that_comes_at_that_moment(store, open_store):
    claim = store.claims.take(claim_request()).claim
    other, returned = open_store(), threading.Event()
    permitted = {"permits": 1, "claim_expires_at": datetime.now(UTC) + timedelta(minutes=1)}
    with store.database.write() as tx:
        # A permit that met no pause, and is not committed yet.
        pauses.find_pauses(tx, "default")
        tx.execute(sa.update(schema.call).where(schema.call.c.id == claim.id).values(**permitted))
        holding = threading.Thread(target=lambda: (pause(other), returned.set()))
        holding.start()
        assert not returned.wait(0.2)
    assert not returned.wait(0.2)
    store.claims.record_queued(claim, "call-1")
    assert returned.wait(60)
    holding.join()
