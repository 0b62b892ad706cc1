"""DAGs of the system tests: runs that are late or fail, and who is phoned from wherever Airflow runs callbacks."""

from __future__ import annotations

import time
from datetime import timedelta

from airflow.sdk import DAG, AsyncCallback, DeadlineAlert, DeadlineReference, SyncCallback, task

from airflow_provider_voiceinfra.notifications.voiceinfra import VoiceInfraNotifier

CALLBACKS = {"late_async": (AsyncCallback, "+12075550100"), "late_sync": (SyncCallback, "+12075550102")}

for dag_id, (callback, number) in CALLBACKS.items():
    with DAG(
        dag_id,
        schedule=None,
        deadline=DeadlineAlert(
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=timedelta(seconds=1),
            callback=callback(
                VoiceInfraNotifier, kwargs={"to_number": number, "first_message": "{{ dag.dag_id }} is late"}
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
