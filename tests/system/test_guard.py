"""The guard on a real Airflow: what it stops waits in the triggerer, and goes on or ends."""

from __future__ import annotations

import time

import pytest

from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.reads.call_filter import CallFilter


@pytest.fixture
def pause(call_store):
    """Hold a DAG, as a person does who sits elsewhere; gives what releases it."""
    call_store.pauses.pause(Scope.DAG, "fault_plain", reason="it says the wrong date", actor="ada")
    released = False

    def release(*, cancel):
        nonlocal released
        call_store.pauses.resume(Scope.DAG, "fault_plain", actor="bob", cancel=cancel)
        released = True

    yield release
    if not released:
        release(cancel=True)


@pytest.mark.parametrize(("cancel", "ends", "area"), [(False, "success", 223), (True, "skipped", 227)])
def test_what_meets_a_pause_waits_deferred_until_it_ends(
    airflow, sandbox, call_store, metrics, pause, cancel, ends, area
):
    number = f"+1{area}5550100"
    run_id = airflow.trigger_dag("fault_plain", conf={"to_number": number})
    airflow.wait_for_task("fault_plain", run_id, "call", states={"deferred"}, timeout=300)
    assert "is paused (ada: it says the wrong date)" in airflow.task_log("fault_plain", run_id, "call")
    assert not [dial for dial in sandbox.dials if dial.to_number == number]
    [waiting] = call_store.calls.iterate(CallFilter(digits=number))
    assert waiting.state == "waiting"
    pause(cancel=cancel)
    assert airflow.wait_for_run("fault_plain", run_id, timeout=300) == "success"
    assert [task["state"] for task in airflow.task_instances("fault_plain", run_id) if task["task_id"] == "call"] == [
        ends
    ]
    assert len([dial for dial in sandbox.dials if dial.to_number == number]) == (not cancel)
    [call] = call_store.calls.iterate(CallFilter(digits=number))
    assert call.ref == waiting.ref
    end = time.monotonic() + 120
    while "airflow.voiceinfra.calls.deferred.paused" not in metrics:
        assert time.monotonic() < end, sorted(name for name in metrics if "voiceinfra" in name)
        time.sleep(0.05)
