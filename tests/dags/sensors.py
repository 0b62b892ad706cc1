"""DAGs of the tests: sensors in each of their modes, which are given ids of calls, or something else."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowSkipException

from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator
from airflow_provider_voiceinfra.sensors.call_completion import CallCompletionSensor

MODES: dict[str, dict[str, Any]] = {
    "poke": {"mode": "poke"},
    "reschedule": {"mode": "reschedule"},
    "deferrable": {"deferrable": True},
}
FAILURES: dict[str, dict[str, Any]] = {
    "failing": {},
    "soft_fail": {"soft_fail": True},
    "never_fail": {"never_fail": True},
}
SKIPPED = object()
BLOCKED, CALLED = "+13105550100", "+12125550100"


def make_dag(given: Any = SKIPPED, *, modes: Any = MODES, failures: Any = FAILURES, **options: Any) -> DAG:
    """Make a DAG with a sensor for each mode and each way to fail."""
    with DAG("sensors", schedule=None) as dag:

        @task
        def call() -> Any:
            if given is SKIPPED:
                raise AirflowSkipException
            return given

        options = {"call_id": call(), "trigger_rule": "all_done", "poke_interval": 0.1} | options
        for mode in modes:
            for failure in failures:
                ways = MODES[mode] | FAILURES[failure]
                CallCompletionSensor(task_id=f"{mode}_{failure}", **ways, **options)
    return dag


with DAG("sensors_of_skipped_calls", schedule=None) as skipped_calls:
    calls = OutboundCallOperator.partial(task_id="call").expand(to_number=[BLOCKED, CALLED])
    placed = OutboundCallOperator(task_id="placed", to_number=CALLED)
    skipped = OutboundCallOperator(task_id="skipped", to_number=BLOCKED)
    any_of: dict[str, Any] = {"trigger_rule": "none_failed_min_one_success", "deferrable": True}
    CallCompletionSensor(task_id="mapped", call_id=calls.output, **any_of)
    CallCompletionSensor(task_id="listed", call_id=[skipped.output, placed.output], **any_of)
    pulled = ["{{ ti.xcom_pull('skipped') }}", "{{ ti.xcom_pull('placed') }}"]
    rendered = CallCompletionSensor(task_id="rendered", call_id=pulled, **any_of)
    rendered << [placed, skipped]

sensors_dag = make_dag()
