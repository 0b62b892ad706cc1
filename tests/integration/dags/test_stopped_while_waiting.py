"""A task that is stopped while it waits in the triggerer: the next try goes on, and nobody is called twice."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from airflow.sdk.execution_time.supervisor import InProcessTestSupervisor

from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.triggers import call_list
from airflow_provider_voiceinfra.triggers.call_allowed import CallAllowedTrigger
from airflow_provider_voiceinfra.triggers.call_completion import CallCompletionTrigger
from airflow_provider_voiceinfra.triggers.call_list import CallListTrigger
from airflow_provider_voiceinfra.triggers.call_settled import CallSettledTrigger
from tests.dags import call_lists, one_call

DAY = datetime(2026, 11, 24, tzinfo=UTC)
# Calls to it do not end by themselves; the answer to another is lost; nobody answers a third.
OPEN, LOST, VOICEMAIL = "+14155550164", "+14155550112", "+14155550101"


class StoppedError(Exception):
    """The task is marked failed while it is deferred."""


@pytest.fixture
def tries(airflow_database, voiceinfra, monkeypatch):
    """Try a DAG twice: it is stopped at the first trigger of a class, then something happens, and it is tried again."""
    monkeypatch.setattr(call_list, "POLL_INTERVAL", 0.02)
    run_trigger = InProcessTestSupervisor.run_trigger_in_process

    def tries(dag, trigger_class, meanwhile):
        stopped = []

        def run(*, trigger, ti):
            if isinstance(trigger, trigger_class) and not stopped:
                stopped.append(trigger)
                raise StoppedError
            return run_trigger(trigger=trigger, ti=ti)

        monkeypatch.setattr(InProcessTestSupervisor, "run_trigger_in_process", run)
        assert dag.test(logical_date=DAY).state == "failed"
        assert len(stopped) == 1
        meanwhile()
        assert dag.test(logical_date=DAY).state == "success"

    return tries


def end_open_calls(voiceinfra):
    for dial in voiceinfra.dials:
        voiceinfra.complete(dial.call_id, "answered")


def dialled(voiceinfra):
    """The calls that were placed, all of which have ended, by the number that was called."""
    assert {str(call.state) for call in voiceinfra.store.calls.iterate()} == {"completed"}
    return sorted(dial.to_number for dial in voiceinfra.dials)


@pytest.mark.parametrize("way", [one_call.deferring, one_call.then_defer])
def test_while_it_waits_for_the_end_of_its_call(tries, voiceinfra, way):
    dag = one_call.make_dag(way, to_number=OPEN)
    tries(dag, CallCompletionTrigger, lambda: end_open_calls(voiceinfra))
    assert dialled(voiceinfra) == [OPEN]


def test_while_it_waits_for_a_pause_to_end(tries, voiceinfra):
    pauses = voiceinfra.store.pauses
    pauses.pause(Scope.ALL, "", reason="holiday", actor="ada")
    dag = one_call.make_dag(one_call.plain)
    tries(dag, CallAllowedTrigger, lambda: pauses.resume(Scope.ALL, "", actor="ada"))
    assert [dial.to_number for dial in voiceinfra.dials] == [one_call.NUMBER]


def test_while_it_waits_for_the_webhook_of_a_call_whose_answer_was_lost(tries, voiceinfra):
    tries(one_call.make_dag(one_call.deferring, to_number=LOST), CallSettledTrigger, lambda: None)
    assert dialled(voiceinfra) == [LOST]


def test_while_it_waits_to_redial(tries, voiceinfra):
    tries(one_call.make_dag(one_call.redialling, to_number=VOICEMAIL), CallAllowedTrigger, lambda: None)
    assert dialled(voiceinfra) == [VOICEMAIL] * 3


def test_while_a_list_waits_for_its_calls(tries, voiceinfra):
    people = [{"to_number": f"+1{area}5550164"} for area in (212, 310, 415)]
    dag = call_lists.make_dag(call_lists.of_rows, calls=people, max_in_flight=3)
    tries(dag, CallListTrigger, lambda: end_open_calls(voiceinfra))
    assert dialled(voiceinfra) == sorted(each["to_number"] for each in people)
