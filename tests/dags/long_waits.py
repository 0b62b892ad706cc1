"""DAGs of the tests: tasks that wait for hours, in each way that a task waits."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_voiceinfra.operators.call_list import OutboundCallListOperator
from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator
from airflow_provider_voiceinfra.sensors.call_completion import CallCompletionSensor

NUMBER = "+12125550100"
# The sandbox never ends calls to this number.
UNENDING = "+12125550164"

SENSORS: Mapping[str, dict[str, Any]] = {
    "deferring": {"deferrable": True},
    "poking": {"deferrable": False},
    "rescheduled": {"deferrable": False, "mode": "reschedule"},
}


def call(to_number: str = NUMBER, **options: Any) -> OutboundCallOperator:
    return OutboundCallOperator(task_id="call", to_number=to_number, **options)


def one(**options: Any) -> DAG:
    """Make a DAG with one call."""
    with DAG("wait_long_for_one", schedule=None) as dag:
        call(**options)
    return dag


def people(numbers: list[str], **options: Any) -> DAG:
    """Make a DAG with a list of calls."""
    with DAG("wait_long_for_list", schedule=None) as dag:
        rows = [{"to_number": number} for number in numbers]
        OutboundCallListOperator(task_id="call", calls=rows, **options)
    return dag


def sensor(way: str, **options: Any) -> DAG:
    """Make a DAG with a call that never ends by itself, and a sensor that waits for it in one of these ways."""
    with DAG(f"wait_long_{way}", schedule=None) as dag:
        CallCompletionSensor(task_id="wait", call_id=call(UNENDING).output, **SENSORS[way], **options)
    return dag


def retried() -> DAG:
    """Make a DAG with a task that succeeds at its second try."""
    with DAG("wait_long_for_retry", schedule=None) as dag:

        @task(retries=1, retry_delay=timedelta(hours=2))
        def fail_once(ti: Any = None) -> None:
            if ti.try_number == 1:
                raise ValueError

        fail_once()
    return dag


def interrupted(number: int = signal.SIGTERM) -> DAG:
    """Make a DAG whose first task gets a signal, and whose others would not end."""
    with DAG("wait_long_for_nothing", schedule=None) as dag:

        @task
        def wait() -> None:
            os.kill(os.getpid(), number)
            time.sleep(600)

        wait() >> wait.override(task_id="wait_again")()
    return dag


for dag in (interrupted(), one(), people([NUMBER]), retried(), *map(sensor, SENSORS)):
    globals()[dag.dag_id] = dag
