"""The log of a task says what it waits for and until when, and how the wait ended: one line each."""

from __future__ import annotations

import re

import pytest

from airflow_provider_voiceinfra.completion_wait import CompletionWait
from airflow_provider_voiceinfra.lists.list_dialer import ResumeAt
from tests.dags import call_lists, one_call

WAITING = r"Waiting until 2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d UTC for "
# Its call never ends by itself.
OPEN = "+14155550164"


@pytest.fixture
def log_of(run_dag, voiceinfra, meanwhile, monkeypatch, capfd, caplog):
    """Run a DAG whose open calls are ended once something waits for them, and return its log."""
    waits, describe = [], CompletionWait.describe
    monkeypatch.setattr(CompletionWait, "describe", lambda wait, *args: waits.append(wait) or describe(wait, *args))

    def log_of(way, **fields):
        meanwhile(lambda: waits, lambda: [voiceinfra.complete(each, "voicemail") for each in waits[0].call_ids])
        assert run_dag(way, **fields).state == "success"
        return "".join((*capfd.readouterr(), caplog.text))

    return log_of


@pytest.mark.parametrize("way", [one_call.then_poke, one_call.then_defer, one_call.deferring, one_call.blocking])
def test_a_wait_for_one_call_names_the_call_its_outcome_and_the_seconds(log_of, voiceinfra, way):
    log = log_of(way, to_number=OPEN)
    [call] = voiceinfra.store.calls.iterate()
    name = rf"{call.ref} \({call.call_id}\)"
    assert len(re.findall(rf"{WAITING}call {name} to end\.", log)) == 1
    assert len(re.findall(rf"Call {name} ended: voicemail after \d+ s\.", log)) == 1


def test_a_list_says_until_when_it_waits_and_for_how_many_calls(
    airflow_database, voiceinfra, meanwhile, monkeypatch, capfd
):
    people = [{"to_number": f"+1{area}555{OPEN[-4:]}"} for area in (212, 310)]
    waits, describe = [], ResumeAt.describe
    monkeypatch.setattr(ResumeAt, "describe", lambda wait, list_id: waits.append(wait) or describe(wait, list_id))
    meanwhile(lambda: waits, lambda: [voiceinfra.complete(dial.call_id) for dial in voiceinfra.dials])
    dag = call_lists.make_dag(call_lists.of_rows, calls=people, max_in_flight=2)
    assert dag.test().state == "success"
    log = "".join(capfd.readouterr())
    assert re.search(
        r"Waiting until 2\d{3}-.* UTC, or until \d calls in progress have ended, to continue list vl_", log
    )


def test_a_wait_for_many_calls_counts_their_outcomes(log_of):
    log = log_of(one_call.many, line=OPEN[-4:])
    assert len(re.findall(rf"{WAITING}3 calls to end\.", log)) == 1
    assert len(re.findall(r"3 calls ended: 3 voicemail\. The longest took \d+ s\.", log)) == 1
