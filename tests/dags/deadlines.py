"""DAGs of the system tests: runs that are late, and who is told from the triggerer and from the executor."""

from __future__ import annotations

import time
from datetime import timedelta

from airflow.sdk import DAG, AsyncCallback, DeadlineAlert, DeadlineReference, task

from airflow_provider_voiceinfra.notifications.voiceinfra import VoiceInfraNotifier

NUMBER = "+12075550100"

with DAG(
    "late",
    schedule=None,
    deadline=DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(seconds=1),
        callback=AsyncCallback(
            VoiceInfraNotifier, kwargs={"to_number": NUMBER, "first_message": "{{ dag.dag_id }} is late"}
        ),
    ),
):

    @task
    def take_long() -> None:
        time.sleep(15)

    take_long()

with DAG(
    "failing_dag",
    schedule=None,
    on_failure_callback=VoiceInfraNotifier(to_number="+12075550101", first_message="{{ dag.dag_id }} failed"),
):

    @task
    def fail() -> None:
        raise ValueError

    fail()
