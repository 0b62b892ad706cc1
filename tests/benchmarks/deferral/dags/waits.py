"""Many calls at once, whose waits end in each way; and one wait with a task after it, beside Airflow's own."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.sdk import DAG, task

from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator
from airflow_provider_voiceinfra.sensors.call_completion import CallCompletionSensor

for dag_id, end_from_trigger in (("waits", None), ("waits_with_a_worker", False)):
    with DAG(dag_id, schedule=None, max_active_tasks=1_000, params={"calls": 1}, default_args={"retries": 0}) as waits:

        @task
        def people(params: Any = None, run_id: Any = None) -> list[dict[str, str]]:
            keys = (f"{run_id} {index}" for index in range(params["calls"]))
            return [{"to_number": "+14155550100", "idempotency_key": key} for key in keys]

        OutboundCallOperator.partial(
            task_id="call", wait_for_completion=True, deferrable=True, end_from_trigger=end_from_trigger
        ).expand_kwargs(people())
    globals()[dag_id] = waits

with DAG("ours", schedule=None, max_active_runs=100, params={"until": ""}) as ours:
    CallCompletionSensor(task_id="wait", call_id="{{ params.until }}", deferrable=True) >> PythonOperator(
        task_id="after", python_callable=print
    )

with DAG("floor", schedule=None, max_active_runs=100, params={"until": ""}) as floor:
    DateTimeSensorAsync(task_id="wait", target_time="{{ params.until }}", end_from_trigger=True) >> PythonOperator(
        task_id="after", python_callable=print
    )
