"""DAGs that the tests stop while they place calls; each notes its process, and when it gets the signal."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_voiceinfra.calls import dialing
from airflow_provider_voiceinfra.calls.retry import RetryPolicy
from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook
from airflow_provider_voiceinfra.operators.call_list import OutboundCallListOperator
from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator

STOPS = int(os.environ.get("STOPPED_LIST_STOPS", "6"))

# Slow enough that rows are left for the last stop, also where a stop takes a busy Airflow many seconds.
PACE = float(os.environ.get("STOPPED_LIST_PACE", "10"))
ROWS = 175 * STOPS


def note(dag_id: str, what: str) -> None:
    path = Path(os.environ["AIRFLOW_HOME"]) / f"{dag_id}.notes"
    with path.open("a") as notes:
        notes.write(f"{what} {os.getpid()} {os.getppid()} {time.time()}\n")


def last_try(dag_id: str) -> Path:
    """A file that says that no other stop follows, so that the list may hurry."""
    return Path(os.environ["AIRFLOW_HOME"]) / f"{dag_id}.last"


class Noting:
    """Notes what happens to an operator that places calls."""

    def execute(self, context: Any) -> Any:
        note(self.dag_id, "began")
        return super().execute(context)

    def execute_wave(self, context: Any, event: Any) -> Any:
        note(self.dag_id, "began")
        return super().execute_wave(context, event)

    def on_kill(self) -> None:
        note(self.dag_id, "signal")
        super().on_kill()


class NotingList(Noting, OutboundCallListOperator):
    def execute(self, context: Any) -> Any:
        if last_try(self.dag_id).exists():
            self.calls_per_second = None
        return super().execute(context)


class NotingCall(Noting, OutboundCallOperator):
    def execute(self, context: Any) -> Any:
        # It must go on until it is stopped.
        dialing.RetryPolicy = partial(RetryPolicy, attempts=1_000, deadline=600.0)
        return super().execute(context)


def number(row: int) -> str:
    return f"+1346{5551000 + row}"


with DAG("stopped_list", schedule=None) as stopped_list:

    @task
    def people() -> list[dict[str, str]]:
        return [{"to_number": number(row)} for row in range(ROWS)]

    NotingList(task_id="call", calls=people(), max_in_flight=ROWS, calls_per_second=PACE)

with DAG("stopped_call", schedule=None) as stopped_call:
    # Answered with 429 at every POST.
    NotingCall(task_id="call", to_number="+13465550133")

with DAG("stopped_task", schedule=None) as stopped_task:

    @task(task_id="call")
    def call_everybody() -> None:
        note("stopped_task", "began")
        hook = VoiceInfraHook()
        for row in range(ROWS):
            hook.place_call(idempotency_key=f"stopped-{row}", to_number=f"+1806555{1000 + row}")
            time.sleep(0.05)

    call_everybody()
