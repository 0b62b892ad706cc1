"""What every deferral has: it settles before a worker resumes, outlasts an outage of the triggerer, and is logged."""

from __future__ import annotations

import asyncio
import warnings
from datetime import UTC, datetime, timedelta

import pytest
from airflow.triggers.base import TaskSuccessEvent

from airflow_provider_voiceinfra import deferral
from airflow_provider_voiceinfra.calls.redial import Redial
from airflow_provider_voiceinfra.operators import outbound_call
from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator
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


def sensing(run_dag, voiceinfra):
    run_dag(one_call.then_defer)


def completing(run_dag, voiceinfra):
    run_dag(one_call.deferring)


def redialling(run_dag, voiceinfra):
    run_dag(one_call.redialling, to_number="+12125550102")


def settling(run_dag, voiceinfra):
    run_dag(one_call.plain, to_number="+12125550112")


def guarded(run_dag, voiceinfra):
    voiceinfra.store.pauses.pause(Scope.ALL, "", reason="wrong date", actor="ada")
    run_dag(one_call.plain)


def listing(run_dag, voiceinfra):
    call_lists.make_dag(call_lists.of_rows, calls=[{"to_number": "+12125550100"}]).test()


WAYS = [sensing, completing, redialling, settling, guarded, listing]


@pytest.mark.parametrize("way", WAYS)
def test_every_deferral_settles_and_outlasts_an_outage_of_the_triggerer(
    run_dag, voiceinfra, monkeypatch, deferrals, way
):
    monkeypatch.setattr(deferral, "is_dag_test", lambda: False)
    monkeypatch.setenv(SETTLE_TIME, "60")
    way(run_dag, voiceinfra)
    assert deferrals
    for began, resume_after, timeout in deferrals:
        assert timedelta(seconds=0) < resume_after - began <= timedelta(seconds=60)
        # A triggerer may be away for days.
        assert timeout >= timedelta(days=7)


def test_under_dag_test_nothing_has_to_settle(run_dag, monkeypatch, deferrals):
    monkeypatch.setenv(SETTLE_TIME, "60")
    assert run_dag(one_call.then_defer).state == "success"
    assert deferrals
    assert all(resume_after <= began for began, resume_after, _ in deferrals)


def test_the_fixture_lets_nothing_settle_either(voiceinfra, monkeypatch):
    monkeypatch.setattr(deferral, "is_dag_test", lambda: False)
    assert deferral.settle_time() == timedelta(0)


@pytest.mark.parametrize("way", [settling, guarded])
def test_a_wait_in_the_triggerer_with_deferrable_false_says_so(run_dag, voiceinfra, deferrals, capfd, way):
    way(run_dag, voiceinfra)
    assert len(deferrals) == 1
    assert "in the triggerer, even with deferrable=False." in "".join(capfd.readouterr())


def make_call(**options):
    return OutboundCallOperator(task_id="call", to_number="+12125550100", **options)


def test_deferrable_without_a_wait_warns(monkeypatch):
    with pytest.warns(UserWarning, match="deferrable=True of 'call' has no effect.*wait_for_completion") as warned:
        make_call(deferrable=True)
    assert [each.filename for each in warned] == [__file__]
    with warnings.catch_warnings(action="error"):
        make_call(deferrable=True, wait_for_completion=True)
        make_call(deferrable=True, redial=Redial())
        # Not asked for by this DAG, but by [operators] default_deferrable.
        monkeypatch.setattr(outbound_call, "_DEFAULT_DEFERRABLE", True)
        make_call(deferrable=True)
