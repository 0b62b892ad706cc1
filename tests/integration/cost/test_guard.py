"""A call under all rules reads no more in a store full of calls than in an empty one."""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.guard.rules import Cap, Rules
from airflow_provider_voiceinfra.store.models import CallState, Source
from tests.benchmarks.guard.history import CONN_ID, fill
from tests.integration.cost.steps import counting
from tests.support.store_samples import claim_request

RULES = Rules(max_calls_per_day=1_000_000, max_in_flight=100, caps=(Cap(1, timedelta(days=7)),), calls_per_second=1_000)


def steps(store, key, to_number):
    """Place a call; gives the steps that it took."""
    with counting(store) as count:
        claim = store.claims.take(claim_request(key, conn_id=CONN_ID, to_number=to_number, rules=RULES)).claim
        store.claims.request_permit(claim)
        store.claims.record_queued(claim, f"call-{key}")
    return count["steps"]


def steps_together(store, first, count=10):
    """Place calls together; gives the steps that they took."""
    requests = [claim_request(f"{n}", to_number=f"+44207946{n}") for n in range(first, first + count)]
    with counting(store) as counted:
        claims = [result.claim for result in store.claims.take_all(requests)]
        store.claims.record_and_permit([], claims)
        store.claims.record_and_permit([(claim, f"call-{claim.id}") for claim in claims])
    return counted["steps"]


def test_many_past_calls_and_numbers_cost_hardly_anything(store):
    empty = steps(store, "one", "+442079460001")
    fill(store, 5_000, 2_000, going_on=0)
    steps(store, "warm", "+442079460003")
    full = steps(store, "two", "+442079460002")
    assert empty > 500
    # Of the past, only the lines that are busy would be read: there are none here.
    assert full < 1.5 * empty


def test_nor_do_many_calls_that_are_going_on_where_lines_are_not_counted(store):
    steps_together(store, 1_000)
    empty = steps_together(store, 2_000)
    steps_together(store, 3_000, 3_000)
    assert steps_together(store, 7_000) < 1.5 * empty


def steps_of_a_retry(store, key, tasks):
    """Cancel a call that tasks have waited for; gives the steps that a retry of one of them takes."""
    calls = [claim_request(key, source=Source("dag", "run", "run", f"task_{n}")) for n in range(tasks)]
    store.pauses.pause(Scope.ALL, "", reason="they waited", actor="ada")
    for call in calls:
        store.claims.take(call)
    store.pauses.resume(Scope.ALL, "", actor="bob", cancel=True)
    with counting(store) as count:
        assert store.claims.take(calls[0]).denied.state == CallState.CANCELLED
    return count["steps"]


def test_nor_do_many_tasks_that_have_asked_for_the_same_call(store):
    steps_of_a_retry(store, "warm", 1)
    few = steps_of_a_retry(store, "few", 2)
    assert steps_of_a_retry(store, "many", 500) < 1.2 * few
