"""``CallCompletionSensor`` ends the same way in each of its modes."""

from __future__ import annotations

import pytest

from airflow_provider_voiceinfra.completion_wait import CompletionWait
from airflow_provider_voiceinfra.store.errors import StoreUnavailableError
from tests.dags import sensors
from tests.dags.sensors import FAILURES, MODES
from tests.integration.dags.conftest import Run
from tests.support.store_samples import deliver, queued

AWAY = "the database has gone away"


def run(dag):
    """Run a DAG, and return how each of its tasks ended."""
    result = dag.test()
    states = {ti.task_id: str(ti.state) for ti in result.get_task_instances()}
    return Run(str(result.state), result.run_id, dag.dag_id), states


def ended(store, call_id="call-1", **fields):
    queued(store, call_id)
    deliver(store, call_id, **fields)
    return call_id


def outcome(store):
    return {"given": ended(store), "fail_on_outcomes": ["answered"]}


def timeout(store):
    queued(store, "call-1")
    return {"given": "call-1", "timeout": 0}


def missing_call_id(store):
    return {"given": None}


def missing_store(store):
    store.close()
    store.database.path.unlink()
    return {"given": "call-1"}


@pytest.mark.parametrize(
    ("cause", "soft_fail"),
    [(outcome, "skipped"), (timeout, "skipped"), (missing_call_id, "skipped"), (missing_store, "failed")],
)
def test_a_failing_wait_ends_the_same_way_in_each_mode(airflow_database, voiceinfra, cause, soft_fail):
    _, states = run(sensors.make_dag(**cause(voiceinfra.store)))
    expected = {"failing": "failed", "soft_fail": soft_fail, "never_fail": "skipped"}
    assert states == {"call": "success"} | {f"{mode}_{each}": expected[each] for mode in MODES for each in FAILURES}


def test_the_error_of_a_missing_call_id_says_what_upstream_did(airflow_database, voiceinfra, capfd):
    template = "{{ ti.xcom_pull(task_ids='call') }}"
    for call_id in ({}, {"call_id": template}):
        dag = sensors.make_dag(modes=["deferrable"], failures=["failing"], **call_id)
        dag.get_task("call") >> dag.get_task("deferrable_failing")
        _, states = run(dag)
        assert states == {"call": "skipped", "deferrable_failing": "failed"}
        output = "".join(capfd.readouterr())
        assert "no call was placed that this task can wait for. Upstream tasks of this run: 'call' (skipped)." in output


@pytest.fixture
def outage(voiceinfra, monkeypatch):
    """Make the store unavailable once the sensor waits; ``end`` is called after two failed checks."""
    looks, is_complete = [], CompletionWait.is_complete

    def begin(end):
        def look(wait):
            looks.append(wait)
            if len(looks) == 1:
                return is_complete(wait)
            if len(looks) == 4:
                end()
            if end is None or len(looks) < 4:
                raise StoreUnavailableError("sqlite://", AWAY)
            return is_complete(wait)

        monkeypatch.setattr(CompletionWait, "is_complete", look)

    return begin


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
def test_a_store_that_is_away_for_a_while_fails_no_sensor_that_waits(airflow_database, voiceinfra, outage, capfd, mode):
    queued(voiceinfra.store, "call-1")
    outage(lambda: deliver(voiceinfra.store, "call-1"))
    result, states = run(sensors.make_dag("call-1", modes=[mode], failures=["failing"]))
    assert states[f"{mode}_failing"] == "success"
    assert result.xcom(f"{mode}_failing")["call_outcome"] == "answered"
    assert "waiting continues when it is back" in "".join(capfd.readouterr())


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
def test_a_store_that_is_still_away_at_the_deadline_is_the_error(airflow_database, voiceinfra, outage, capfd, mode):
    queued(voiceinfra.store, "call-1")
    outage(None)
    # soft_fail does not hide it: a retry may find the completion.
    _, states = run(sensors.make_dag("call-1", modes=[mode], failures=["soft_fail"], timeout=1))
    assert states[f"{mode}_soft_fail"] == "failed"
    assert AWAY in "".join(capfd.readouterr())


def test_calls_that_were_skipped_are_not_waited_for(airflow_database, voiceinfra, capfd):
    voiceinfra.store.do_not_call.add([sensors.BLOCKED], actor="ada", reason="asked by mail")
    result, states = run(sensors.skipped_calls)
    assert [states[each] for each in ("mapped", "listed", "rendered")] == ["success"] * 3
    assert [each["call_id"] for each in result.xcom("mapped")] == [result.xcom("call", map_index=1)]
    for each in ("listed", "rendered"):
        assert [each["call_id"] for each in result.xcom(each)] == [result.xcom("placed")]
