"""What ``CallCompletionSensor`` promises, in DAGs under ``dag.test()``."""

from __future__ import annotations

import pytest

from tests.dags import one_call


@pytest.mark.parametrize("way", [one_call.then_poke, one_call.then_defer])
def test_the_sensor_returns_how_the_call_ended(run_dag, voiceinfra, way):
    run = run_dag(way)
    assert run.state == "success"
    result = run.xcom("wait")
    assert result["call_id"] == voiceinfra.dials[0].call_id
    assert result["call_outcome"] == "answered"
    assert result["end_time"] > result["start_time"]
    assert ("transcript" in result) == (way == one_call.then_poke)


def test_a_sequence_of_calls_is_a_list_of_results_in_its_order(run_dag, voiceinfra):
    run = run_dag(one_call.many)
    assert run.state == "success"
    expected = [run.xcom("call", map_index=index) for index in range(3)]
    assert [result["call_id"] for result in run.xcom("wait")] == expected


def test_an_outcome_among_fail_on_outcomes_fails_the_task(run_dag, voiceinfra, capfd):
    run = run_dag(one_call.then_defer, to_number="+14155550102")
    assert run.state == "failed"
    call = voiceinfra.store.calls.get(voiceinfra.dials[0].call_id)
    assert f"ended with an outcome that fails this task: {call.ref} ({call.call_id}) (failed after " in "".join(
        capfd.readouterr()
    )


def test_a_webhook_that_came_before_the_answer_ends_the_wait_at_once(run_dag, voiceinfra):
    assert run_dag(one_call.then_defer, to_number="+14155550160").state == "success"
