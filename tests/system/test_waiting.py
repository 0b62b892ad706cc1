"""Waiting on a real Airflow: ends from the triggerer, with a worker only where one is needed, and survives it."""

from __future__ import annotations

import json
import re
import secrets

import pytest

from tests.dags.waits import REASONS
from tests.support.store_samples import deliver
from tests.system.conftest import wait_until

WORDS = "she will bring her grandmother"


def deferred(airflow, dag_id, **params):
    """Trigger a DAG, and wait until its wait is in the triggerer."""
    run_id = airflow.trigger_dag(dag_id, conf=params)
    airflow.wait_for_task(dag_id, run_id, "wait", states={"deferred"}, timeout=300)
    return run_id


def new_id():
    return f"call_{secrets.token_hex(8)}"


def workers(airflow, dag_id, run_id, task_id="wait"):
    """How often a worker was started for a task."""
    return airflow.task_log(dag_id, run_id, task_id).count("DAG bundles loaded")


def test_it_ends_without_a_worker_and_what_comes_after_has_its_result(airflow, call_store):
    call_id = new_id()
    run_id = deferred(airflow, "wait_for_one", call_id=call_id)
    deliver(call_store, call_id, call_outcome="voicemail", summary=WORDS)
    assert airflow.wait_for_run("wait_for_one", run_id, timeout=300) == "success"
    result = airflow.xcom("wait_for_one", run_id, "wait")
    assert airflow.xcom("wait_for_one", run_id, "after") == "voicemail"
    assert (result["call_id"], result["call_outcome"], result["summary"]) == (call_id, "voicemail", WORDS)
    assert workers(airflow, "wait_for_one", run_id) == 1


def test_no_log_has_the_words_of_what_it_ends_with(airflow, call_store):
    call_id = new_id()
    run_id = deferred(airflow, "wait_for_one", call_id=call_id)
    deliver(call_store, call_id, summary=WORDS)
    airflow.wait_for_run("wait_for_one", run_id, timeout=300)
    logs = [path for path in airflow.home.rglob("*.log") if path.is_file()]
    assert logs
    assert [path for path in logs if "grandmother" in path.read_text(errors="replace")] == []


def test_an_operator_ends_without_a_worker_too(airflow, sandbox):
    number = "+19285550164"  # nobody else calls it
    run_id = airflow.trigger_dag("wait_in_operator", conf={"to_number": number})
    airflow.wait_for_task("wait_in_operator", run_id, "call", states={"deferred"}, timeout=300)
    [dial] = [dial for dial in sandbox.dials if dial.to_number == number]
    sandbox.complete(dial.call_id, "answered", summary=WORDS)
    assert airflow.wait_for_run("wait_in_operator", run_id, timeout=300) == "success"
    for key in ("call_id", "return_value"):
        assert airflow.xcom("wait_in_operator", run_id, "call", key=key) == dial.call_id
    assert airflow.xcom("wait_in_operator", run_id, "call", key="completion")["summary"] == WORDS
    assert workers(airflow, "wait_in_operator", run_id, "call") == 1
    # Written by the triggerer, in the log of the task.
    ended = re.compile(rf"Call vc_\w+ \({dial.call_id}\) ended: answered after \d+ s\.")
    wait_until(lambda: ended.search(airflow.task_log("wait_in_operator", run_id, "call")), 60)
    assert len(ended.findall(airflow.task_log("wait_in_operator", run_id, "call"))) == 1


@pytest.mark.parametrize("reason", REASONS)
def test_where_a_worker_is_needed_one_ends_it(airflow, call_store, reason):
    call_id, dag_id = new_id(), f"wait_with_{reason}"
    run_id = deferred(airflow, dag_id, call_id=call_id)
    deliver(call_store, call_id)
    assert airflow.wait_for_run(dag_id, run_id, timeout=300) == ("failed" if reason == "outcome" else "success")
    assert workers(airflow, dag_id, run_id) == 2


def test_a_sequence_is_one_trigger_and_wakes_once(airflow, call_store):
    ids = [new_id() for _ in range(30)]
    run_id = deferred(airflow, "wait_for_many", call_ids=ids)
    for call_id in ids:
        deliver(call_store, call_id)
    assert airflow.wait_for_run("wait_for_many", run_id, timeout=300) == "success"
    assert [each["call_id"] for each in airflow.xcom("wait_for_many", run_id, "wait")] == ids
    log = airflow.task_log("wait_for_many", run_id, "wait")
    assert len(re.findall("Trigger fired event", log)) == 1


def test_serialised_triggers_hold_plain_json():
    from airflow_provider_voiceinfra.triggers.call_completion import CallCompletionTrigger

    ending = {"shape": "one", "fail_on_outcomes": [], "completion_fields": []}
    _, arguments = CallCompletionTrigger(("a",), "2026-11-23T10:00:00+00:00", ending).serialize()
    assert json.loads(json.dumps(arguments)) == arguments
