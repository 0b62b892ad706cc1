"""A deferred task resumes in a worker no sooner than its deferral has settled."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from airflow.sdk import BaseOperator
from airflow.triggers.base import TaskSuccessEvent

from airflow_provider_voiceinfra import waiting
from airflow_provider_voiceinfra.operators import placing
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.triggers import call_completion
from airflow_provider_voiceinfra.triggers.call_allowed import CallAllowedTrigger
from airflow_provider_voiceinfra.triggers.call_completion import CallCompletionTrigger
from airflow_provider_voiceinfra.triggers.call_list import CallListTrigger
from airflow_provider_voiceinfra.triggers.call_settled import CallSettledTrigger
from tests.dags import call_lists, one_call
from tests.support.store_samples import claim, deliver

SETTLE_TIME = "AIRFLOW__VOICEINFRA__DEFERRAL_SETTLE_TIME"


def iso(time):
    return time.isoformat()


@pytest.fixture
def make_trigger(voiceinfra):
    """Make each trigger, for a wait that is over already."""
    past, far = iso(datetime.now(UTC) - timedelta(hours=1)), iso(datetime.now(UTC) + timedelta(hours=1))
    store = voiceinfra.store
    ours = claim(store)
    store.claims.release(ours, "nothing was sent")
    deliver(store, "call-1")
    makers = {
        "completed": lambda **options: CallCompletionTrigger(["call-1"], far, **options),
        "timeout": lambda **options: CallCompletionTrigger(["call-2"], past, **options),
        "allowed": lambda **options: CallAllowedTrigger(ours.ref, past, **options),
        "settled": lambda **options: CallSettledTrigger(ours.ref, far, **options),
        "list": lambda **options: CallListTrigger("a list", past, **options),
    }
    return lambda name, **options: makers[name](**options)


def first_event(trigger):
    async def run():
        async with asyncio.timeout(60):
            return await anext(trigger.run())

    return asyncio.run(run())


@pytest.mark.parametrize("name", ["completed", "timeout", "allowed", "settled", "list"])
def test_a_trigger_fires_no_sooner_than_the_deferral_has_settled(make_trigger, name):
    resume_after = datetime.now(UTC) + timedelta(seconds=0.5)
    first_event(make_trigger(name, resume_after=iso(resume_after)))
    assert datetime.now(UTC) >= resume_after


def test_a_trigger_that_ends_the_task_itself_waits_for_nothing(make_trigger, monkeypatch):
    monkeypatch.setattr(call_completion, "push_xcoms", lambda ti, xcoms: None)
    ending = {"shape": "one", "fail_on_outcomes": [], "completion_fields": []}
    in_an_hour = iso(datetime.now(UTC) + timedelta(hours=1))
    trigger = make_trigger("completed", ending=ending, resume_after=in_an_hour)
    trigger._task_instance = object()
    assert isinstance(first_event(trigger), TaskSuccessEvent)


@pytest.fixture
def deferrals(voiceinfra, monkeypatch):
    """When each deferral began, and when the task may resume; what it waits for ends at that moment."""
    monkeypatch.setattr(voiceinfra.sandbox._calls, "_delay", None)
    monkeypatch.setattr(placing, "_SETTLE_SECONDS", 0.1)
    noted, defer = [], BaseOperator.defer

    def noting(self, *, trigger, **options):
        noted.append((datetime.now(UTC), datetime.fromisoformat(trigger.resume_after)))
        for dial in voiceinfra.dials:
            voiceinfra.complete(dial.call_id)
        with suppress(StoreError):
            voiceinfra.store.pauses.resume(Scope.ALL, "", actor="ada")
        defer(self, trigger=trigger, **options)

    monkeypatch.setattr(BaseOperator, "defer", noting)
    return noted


def sensing(run_dag, voiceinfra):
    run_dag(one_call.then_defer)


def completing(run_dag, voiceinfra):
    run_dag(one_call.deferring)


def redialling(run_dag, voiceinfra):
    run_dag(one_call.redialling, to_number="+12125550102")


def settling(run_dag, voiceinfra):
    run_dag(one_call.plain, to_number="+12125550112")


def guarded(run_dag, voiceinfra):
    voiceinfra.store.pauses.pause(Scope.ALL, "", why="wrong date", actor="ada")
    run_dag(one_call.plain)


def listing(run_dag, voiceinfra):
    call_lists.make_dag(call_lists.of_rows, calls=[{"to_number": "+12125550100"}]).test()


WAYS = [sensing, completing, redialling, settling, guarded, listing]


@pytest.mark.parametrize("way", WAYS)
def test_every_deferral_says_when_the_task_may_resume(run_dag, voiceinfra, monkeypatch, deferrals, way):
    monkeypatch.setattr(waiting, "is_dag_test", lambda: False)
    monkeypatch.setenv(SETTLE_TIME, "0.3")
    way(run_dag, voiceinfra)
    assert deferrals
    for began, resume_after in deferrals:
        assert timedelta(seconds=0) < resume_after - began <= timedelta(seconds=0.3)


def test_under_dag_test_nothing_has_to_settle(run_dag, monkeypatch, deferrals):
    monkeypatch.setenv(SETTLE_TIME, "60")
    assert run_dag(one_call.then_defer).state == "success"
    assert deferrals
    assert all(resume_after <= began for began, resume_after in deferrals)


def test_the_fixture_lets_nothing_settle_either(voiceinfra, monkeypatch):
    monkeypatch.setattr(waiting, "is_dag_test", lambda: False)
    assert waiting.settle_time() == timedelta(0)
