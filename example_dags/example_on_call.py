"""Phones the person on call when a run fails, and when it is late.

Needs the connection ``voiceinfra_on_call``: one without calling hours and ``min_interval_per_number``, whose agent says
what has happened and asks whether somebody takes care of it. Its number is the variable ``on_call``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference, Param, dag, task

from airflow_provider_voiceinfra.notifications.voiceinfra import VoiceInfraNotifier


@dag(
    schedule=None,
    params={"fails": Param(default=False, type="boolean")},
    # Each of the three tasks phones when it fails, and all of them together once for a run.
    default_args={
        "on_failure_callback": VoiceInfraNotifier(
            to_number="{{ var.value.on_call }}",
            first_message="{{ dag.dag_id }} has failed at {{ ti.task_id }}. Do you take care of it?",
            call_context="Run {{ run_id }}, try {{ ti.try_number }}.",
            voiceinfra_conn_id="voiceinfra_on_call",
        )
    },
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(minutes=30),
        callback=AsyncCallback(
            VoiceInfraNotifier,
            # What a deadline knows of the run is less: no variables, no task.
            kwargs={
                "to_number": "+14155550100",
                "first_message": "{{ dag.dag_id }} is late. Do you take care of it?",
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
