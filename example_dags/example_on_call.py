"""Phone the person on call when a run fails, and when it is late.

Needs the connection ``voiceinfra_on_call``, without calling hours and ``max_calls_per_number``. Its agent says what
has happened and asks whether the callee takes care of it. The variable ``on_call`` has the callee's number.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference, Param, dag, task

from airflow_provider_voiceinfra.notifications.voiceinfra import VoiceInfraNotifier


@dag(
    schedule=None,
    params={"fails": Param(default=False, type="boolean")},
    # Each of the three tasks calls when it fails, but together they call only once per run.
    default_args={
        "on_failure_callback": VoiceInfraNotifier(
            to_number="{{ var.value.on_call }}",
            first_message="{{ dag.dag_id }} has failed at {{ ti.task_id }}. Can you take care of it?",
            call_context="Run {{ run_id }}, try {{ ti.try_number }}.",
            voiceinfra_conn_id="voiceinfra_on_call",
        )
    },
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(minutes=30),
        callback=AsyncCallback(
            VoiceInfraNotifier,
            # A deadline's templates have no variables and no task.
            kwargs={
                "to_number": "+14155550100",
                "first_message": "{{ dag.dag_id }} is late. Can you take care of it?",
                "voiceinfra_conn_id": "voiceinfra_on_call",
            },
        ),
    ),
    tags=["voiceinfra", "example"],
)
def example_on_call():
    @task
    def load(table: str, params: dict[str, Any]) -> str:
        if params["fails"]:
            raise RuntimeError(f"{table} cannot be loaded")
        return table

    load.expand(table=["appointments", "orders", "invoices"])


example_on_call()
