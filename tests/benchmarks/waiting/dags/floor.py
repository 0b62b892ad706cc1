"""A wait of each kind, and a task after it; and a trigger of Airflow's own that fires at a given time."""

from __future__ import annotations

from airflow.providers.standard.operators.python import PythonOperator
from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.sdk import DAG

from airflow_provider_voiceinfra.sensors.call_completion import CallCompletionSensor

OPTIONS = {"schedule": None, "params": {"at": "", "call_id": ""}, "is_paused_upon_creation": False}

for end_from_trigger in (False, True):
    ending = "trigger" if end_from_trigger else "worker"
    with DAG(f"ours_{ending}", **OPTIONS) as ours:
        CallCompletionSensor(
            task_id="wait", call_id="{{ params.call_id }}", deferrable=True, end_from_trigger=end_from_trigger
        ) >> PythonOperator(task_id="after", python_callable=print)
    with DAG(
        f"floor_{ending}", schedule=None, params={"at": "", "call_id": ""}, is_paused_upon_creation=False
    ) as floor:
        DateTimeSensorAsync(
            task_id="wait", target_time="{{ params.at }}", end_from_trigger=end_from_trigger
        ) >> PythonOperator(task_id="after", python_callable=print)
    globals()[ours.dag_id], globals()[floor.dag_id] = ours, floor
