"""A retry that finds another call store than the first try, in another pod or another home, does not dial."""

from __future__ import annotations

import pytest

from airflow_provider_voiceinfra.store.call_store import CallStore


@pytest.fixture(params=["missing", "fresh"])
def other_store(request, tmp_path):
    url = f"sqlite:///{tmp_path}/voiceinfra.db"
    if request.param == "fresh":
        store = CallStore(url)
        store.migrate()
        store.close()
    return request.param, url


def test_a_retry_with_another_store_dials_nobody(airflow, sandbox, other_store):
    kind, url = other_store
    number = "+12195550100" if kind == "missing" else "+12205550100"
    conf = {"to_number": number, "step": "after_the_permit", "store_of_retry": url}
    run_id = airflow.trigger_dag("crashing", conf=conf)
    assert airflow.wait_for_run("crashing", run_id, timeout=120) == "failed"
    assert not [dial for dial in sandbox.dials if dial.to_number == number]
    log = airflow.task_log("crashing", run_id, "call", try_number=3)
    assert "[voiceinfra] call_store" in log
    assert ("There is no call store at" if kind == "missing" else "This is not the call store that") in log
