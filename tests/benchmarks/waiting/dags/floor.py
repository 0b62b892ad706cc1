"""A wait of each kind, and a task after it; and, as the floor, a trigger that fires as soon as a file is there."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, BaseOperator

from airflow_provider_voiceinfra.sensors.call_completion import CallCompletionSensor
from tests.benchmarks.waiting.triggers import FileTrigger


class FileOperator(BaseOperator):
    """Waits for a file."""

    template_fields = ("path",)

    def __init__(self, *, path: str, end_from_trigger: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.end_from_trigger = end_from_trigger

    def execute(self, context: Any) -> None:
        self.defer(trigger=FileTrigger(self.path, self.end_from_trigger), method_name="execute_complete")

    def execute_complete(self, context: Any, event: Any) -> str:
        return self.path


for end_from_trigger in (False, True):
    ending = "trigger" if end_from_trigger else "worker"
    with DAG(f"ours_{ending}", schedule=None, params={"what": ""}, is_paused_upon_creation=False) as ours:
        wait = CallCompletionSensor(
            task_id="wait", call_id="{{ params.what }}", deferrable=True, end_from_trigger=end_from_trigger
        )
        wait >> PythonOperator(task_id="after", python_callable=print)
    with DAG(f"floor_{ending}", schedule=None, params={"what": ""}, is_paused_upon_creation=False) as floor:
        file = FileOperator(task_id="wait", path="{{ params.what }}", end_from_trigger=end_from_trigger)
        file >> PythonOperator(task_id="after", python_callable=print)
    globals()[ours.dag_id], globals()[floor.dag_id] = ours, floor
