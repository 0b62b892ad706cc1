"""DAGs of the system tests: waits that end without a worker, or for a reason with one."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Asset, task

from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator
from airflow_provider_voiceinfra.sensors.call_completion import CallCompletionSensor

REASONS: dict[str, dict[str, Any]] = {
    "outlets": {"outlets": [Asset("called")]},
    "callback": {"on_success_callback": lambda _: None},
    "post_execute": {"post_execute": lambda context, result: None},
    "outcome": {"fail_on_outcomes": ["answered"]},
}


def sensor(**options: Any) -> CallCompletionSensor:
    return CallCompletionSensor(
        task_id="wait",
        call_id="{{ params.call_id }}",
        deferrable=True,
        completion_fields=["summary"],
        **options,
    )


with DAG("wait_for_one", schedule=None, params={"call_id": ""}) as wait_for_one:
    done = sensor()

    @task
    def after(result: Any = None) -> str:
        # Airflow logs what a task returns.
        return result["call_outcome"]

    after(done.output)

with DAG("wait_for_many", schedule=None, params={"call_ids": []}, render_template_as_native_obj=True) as wait_for_many:
    CallCompletionSensor(task_id="wait", call_id="{{ params.call_ids }}", deferrable=True)

with DAG("wait_mapped", schedule=None, params={"call_ids": []}) as wait_mapped:

    @task
    def listed(params: Any = None) -> list[str]:
        return list(params["call_ids"])

    CallCompletionSensor.partial(task_id="wait", deferrable=True).expand(call_id=listed())

with DAG("wait_in_operator", schedule=None, params={"to_number": ""}) as wait_in_operator:
    OutboundCallOperator(
        task_id="call",
        to_number="{{ params.to_number }}",
        wait_for_completion=True,
        deferrable=True,
        completion_fields=["summary"],
    )

for reason, options in REASONS.items():
    with DAG(f"wait_with_{reason}", schedule=None, params={"call_id": ""}) as dag:
        sensor(**options)
    globals()[dag.dag_id] = dag
