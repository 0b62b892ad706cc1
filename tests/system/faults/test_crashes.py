"""The task's process is killed at every step of a call: nobody is called twice, and the run ends right by itself."""

from __future__ import annotations

import pytest

from airflow_provider_voiceinfra.store.reads.call_filter import CallFilter
from tests.system.faults.conftest import STEPS, number_of

# Killed when a byte might have been sent: nobody can tell, so it is reported, and not dialled.
REPORTED = {"after_the_permit"}


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_worker_calls_nobody_twice_and_loses_no_call(airflow, sandbox, call_store, crashes, faults, step):
    state = airflow.wait_for_run("crashing", crashes[step], timeout=300)
    dials = [dial for dial in sandbox.dials if dial.to_number == number_of(step)]
    [task] = airflow.task_instances("crashing", crashes[step])
    assert len(dials) == (0 if step in REPORTED else 1)
    assert task["try_number"] == 2
    if step in REPORTED:
        assert state == "failed"
        [call] = call_store.calls.iterate(CallFilter(digits=number_of(step)))
        assert call.state == "unknown"
        log = airflow.task_log("crashing", crashes[step], "call", try_number=2)
        assert f"airflow voiceinfra calls resolve {call.ref} --not-placed" in log
    else:
        assert state == "success"
        assert airflow.xcom("crashing", crashes[step], "call") == dials[0].call_id
        assert call_store.calls.get(dials[0].call_id).state == "completed"
