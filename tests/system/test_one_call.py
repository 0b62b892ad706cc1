"""One call, from a DAG to its completion, on a real Airflow: worker, triggerer and API server apart."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys

import pytest
import requests

from tests.system.conftest import SECRET, wait_until


def run(airflow, dag_id, number, **options):
    run_id = airflow.trigger_dag(dag_id, conf={"to_number": number})
    return run_id, airflow.wait_for_run(dag_id, run_id, timeout=300)


def dials(sandbox, number):
    return [dial for dial in sandbox.dials if dial.to_number == number]


WAYS = {"plain": "+12015550100", "deferring": "+12025550100", "blocking": "+12035550100"}


@pytest.fixture(scope="module")
def runs(airflow):
    """A run in each way of waiting, all at once."""
    return {way: airflow.trigger_dag(f"fault_{way}", conf={"to_number": number}) for way, number in WAYS.items()}


@pytest.mark.parametrize("way", WAYS)
def test_a_call_is_placed_once_and_its_id_is_in_xcom(airflow, sandbox, call_store, runs, way):
    run_id = runs[way]
    assert airflow.wait_for_run(f"fault_{way}", run_id, timeout=300) == "success"
    [dial] = dials(sandbox, WAYS[way])
    for key in ("call_id", "return_value"):
        assert airflow.xcom(f"fault_{way}", run_id, "call", key=key) == dial.call_id
    if way != "plain":
        assert airflow.xcom(f"fault_{way}", run_id, "call", key="completion")["call_outcome"] == "answered"
        assert call_store.calls.get(dial.call_id).state == "completed"


def test_waiting_really_happens_in_the_triggerer(airflow, sandbox):
    number = "+12055550164"  # its webhook never comes by itself
    run_id = airflow.trigger_dag("fault_deferring", conf={"to_number": number})
    airflow.wait_for_task("fault_deferring", run_id, "call", states={"deferred"}, timeout=300)
    [dial] = dials(sandbox, number)
    sandbox.complete(dial.call_id, "answered", summary="my secret summary")
    assert airflow.wait_for_run("fault_deferring", run_id, timeout=300) == "success"
    log = airflow.task_log("fault_deferring", run_id, "call")
    for secret in ("my secret", number, "2055550164", "sandbox-key", SECRET):
        assert secret not in log
    assert "+1205•••0164" in log


def test_clearing_a_task_does_not_call_again(airflow, sandbox):
    number = "+12065550100"
    run_id, state = run(airflow, "fault_deferring", number)
    assert state == "success"
    airflow.clear("fault_deferring", run_id, ["call"])
    assert airflow.wait_for_run("fault_deferring", run_id, timeout=300) == "success"
    [task] = airflow.task_instances("fault_deferring", run_id)
    assert task["try_number"] == 2
    [dial] = dials(sandbox, number)
    assert airflow.xcom("fault_deferring", run_id, "call") == dial.call_id


@pytest.mark.parametrize("mark", ["failed", "success"])
def test_a_wait_that_a_person_has_marked_is_found_with_its_completion_by_a_clear(airflow, sandbox, call_store, mark):
    number = {"failed": "+12085550164", "success": "+12395550164"}[mark]  # its webhook never comes by itself
    run_id = airflow.trigger_dag("fault_deferring", conf={"to_number": number})
    airflow.wait_for_task("fault_deferring", run_id, "call", states={"deferred"}, timeout=300)
    [dial] = dials(sandbox, number)
    task = f"api/v2/dags/fault_deferring/dagRuns/{run_id}/taskInstances/call"
    airflow._api.call("PATCH", task, json={"new_state": mark})
    assert airflow.wait_for_run("fault_deferring", run_id, timeout=300) == mark
    sandbox.complete(dial.call_id, "answered")
    wait_until(lambda: call_store.calls.get(dial.call_id).state == "completed")
    airflow.clear("fault_deferring", run_id, ["call"])
    assert airflow.wait_for_run("fault_deferring", run_id, timeout=300) == "success"
    assert airflow.xcom("fault_deferring", run_id, "call") == dial.call_id
    assert len(dials(sandbox, number)) == 1


def test_the_receiver_in_the_api_server_lets_no_stranger_in(airflow):
    body = json.dumps({"event": "call.completed", "call_id": "forged", "call_outcome": "answered"}).encode()
    signature = hmac.new(b"guess", body, hashlib.sha256).hexdigest()
    url = f"{airflow.url}/voiceinfra/webhook"
    for headers in ({}, {"X-VoiceInfra-Signature": signature}):
        assert requests.post(url, data=body, headers=headers, timeout=120).status_code == 401
    assert requests.post(f"{url}/aws_default", data=body, timeout=120).status_code == 404


def test_a_clear_calls_again_where_asked_to_and_only_when_the_call_has_ended(airflow, sandbox):
    number = "+12295550164"  # its webhook never comes by itself
    run_id = airflow.trigger_dag("redialling", conf={"to_number": number})

    def open_calls(count):
        airflow.wait_for_task("redialling", run_id, "call", states={"deferred"}, timeout=300)
        calls = dials(sandbox, number)
        assert len(calls) == count
        return calls

    open_calls(1)
    airflow.clear("redialling", run_id, ["call"])
    [first] = open_calls(1)
    sandbox.complete(first.call_id)
    assert airflow.wait_for_run("redialling", run_id, timeout=300) == "success"
    airflow.clear("redialling", run_id, ["call"])
    _, second = open_calls(2)
    sandbox.complete(second.call_id)
    assert airflow.wait_for_run("redialling", run_id, timeout=300) == "success"
    assert airflow.xcom("redialling", run_id, "call") == second.call_id


def test_the_doctor_finds_an_airflow_in_which_calls_work(airflow):
    command = [sys.executable, "-m", "airflow", "voiceinfra", "doctor"]
    found = subprocess.run(command, env=airflow.env, check=False, capture_output=True, text=True, timeout=300)
    subjects = [line.partition(":")[0] for line in found.stdout.splitlines() if line.startswith("ok")]
    assert {each.removeprefix("ok").strip() for each in subjects} >= {
        "Airflow",
        "triggerer",
        "call store",
        "receiver",
        "connection voiceinfra_default",
        "webhooks",
    }


@pytest.mark.parametrize("path", ["docs", "redoc", "openapi.json"])
def test_no_generated_page_is_open(airflow, path):
    assert requests.get(f"{airflow.url}/voiceinfra/{path}", timeout=120).status_code == 404


def test_health_is_open_and_says_that_completions_can_be_stored(airflow):
    def said():
        found = requests.get(f"{airflow.url}/voiceinfra/health", timeout=120).json()
        return found["status"], found["store"], found["webhooks"]

    # It says so too when a check takes seconds, as on a busy machine.
    wait_until(lambda: said() == ("ok", "ok", {"voiceinfra_default": "ok"}))
