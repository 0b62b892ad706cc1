"""DAGs of the tests that wait for calls which they have not placed."""

from __future__ import annotations

from collections.abc import Sequence

from airflow.sdk import DAG

from airflow_provider_voiceinfra.sensors.call_completion import CallCompletionSensor


def make_dag(call_ids: Sequence[str], *, deferrable: bool) -> DAG:
    """Make a DAG that waits for a second."""
    with DAG(f"wait_{'deferred' if deferrable else 'poking'}", schedule=None) as dag:
        CallCompletionSensor(
            task_id="wait",
            call_id=call_ids,
            deferrable=deferrable,
            timeout=1,
            poke_interval=0.1,
            completion_fields=["transcript"],
        )
    return dag


wait_deferred, wait_poking = (make_dag(["call-1"], deferrable=deferrable) for deferrable in (True, False))
