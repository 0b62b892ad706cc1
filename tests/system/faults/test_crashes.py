"""The task's process is killed at every step of a call: nobody is called twice, and the run ends right by itself."""

from __future__ import annotations

import pytest

AREAS = {
    "before_the_claim": 213,
    "after_the_claim": 214,
    "after_the_permit": 215,
    "during_the_post": 216,
    "after_the_answer": 217,
    "after_the_record": 218,
}
# Killed when a byte might have been sent: nobody can tell, so it is reported, and not dialled.
REPORTED = {"after_the_permit"}


def number(step):
    # Accepted at once, and answered slowly: so that there is a time during the POST.
    return f"+1{AREAS[step]}55501{'10' if step == 'during_the_post' else '00'}"


@pytest.fixture(scope="module")
def runs(airflow):
    return {step: airflow.trigger_dag("crashing", conf={"step": step, "to_number": number(step)}) for step in AREAS}


@pytest.mark.parametrize("step", AREAS)
def test_a_killed_worker_calls_nobody_twice_and_loses_no_call(airflow, sandbox, call_store, runs, step):
    state = airflow.wait_for_run("crashing", runs[step], timeout=300)
    dials = [dial for dial in sandbox.dials if dial.to_number == number(step)]
    [task] = airflow.task_instances("crashing", runs[step])
    assert len(dials) == (0 if step in REPORTED else 1)
    assert task["try_number"] == 2
    if step in REPORTED:
        assert state == "failed"
        [call] = call_store.calls.iterate(number=number(step))
        assert call.state == "unknown"
        log = airflow.task_log("crashing", runs[step], "call", try_number=2)
        assert f"airflow voiceinfra calls resolve {call.ref} --not-placed" in log
    else:
        assert state == "success"
        assert airflow.xcom("crashing", runs[step], "call") == dials[0].call_id
        assert call_store.calls.get(dials[0].call_id).state == "completed"
