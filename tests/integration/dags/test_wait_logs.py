"""The log of a task says what it waits for and until when, and how the wait ended: one line each."""

from __future__ import annotations

import re

import pytest

from airflow_provider_voiceinfra.completion_wait import CompletionWait
from tests.dags import one_call

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


def test_a_wait_for_many_calls_counts_their_outcomes(log_of):
    log = log_of(one_call.many, line=OPEN[-4:])
    assert len(re.findall(rf"{WAITING}3 calls to end\.", log)) == 1
    assert len(re.findall(r"3 calls ended: 3 voicemail\. The longest took \d+ s\.", log)) == 1
