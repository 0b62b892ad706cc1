"""A list on a real Airflow: the worker goes while people talk, and everybody is called once."""

from __future__ import annotations

from collections import Counter

from airflow_provider_voiceinfra.store.reads.call_filter import CallFilter
from tests.dags.call_lists import PEOPLE


def dials(sandbox):
    return Counter(dial.to_number for dial in sandbox.dials if dial.to_number.startswith("+1312555"))


def test_everybody_is_called_once_also_after_a_clear(airflow, sandbox, call_store):
    run_id = airflow.trigger_dag("list_of_rows")
    airflow.wait_for_task("list_of_rows", run_id, "call", states={"deferred"}, timeout=300)
    assert airflow.wait_for_run("list_of_rows", run_id, timeout=300) == "success"
    assert dials(sandbox) == {each["to_number"]: 1 for each in PEOPLE}
    summary = airflow.xcom("list_of_rows", run_id, "call")
    assert (summary["rows"], summary["answered"]) == (len(PEOPLE), len(PEOPLE))
    calls = list(
        call_store.calls.iterate(CallFilter(list_id=airflow.xcom("list_of_rows", run_id, "call", key="list_id")))
    )
    assert {call.metadata["appointment"] for call in calls} == set(range(len(PEOPLE)))
    airflow.clear("list_of_rows", run_id, ["call"])
    assert airflow.wait_for_run("list_of_rows", run_id, timeout=300) == "success"
    assert dials(sandbox) == {each["to_number"]: 1 for each in PEOPLE}
    log = airflow.task_log("list_of_rows", run_id, "call")
    assert "40 rows are read into list vl_" in log
    assert "+1312555" not in log
