"""A DAG whose first try is killed at a step of its call, as a worker that is lost."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG

from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator


def die(*_: Any, **__: Any) -> None:
    """End this process as nothing can prevent it."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_before(owner: type, name: str) -> None:
    setattr(owner, name, die)


def die_after(owner: type, name: str) -> None:
    original: Callable[..., Any] = getattr(owner, name)

    def run(*args: Any, **kwargs: Any) -> None:
        original(*args, **kwargs)
        die()

    setattr(owner, name, run)


def die_during(owner: type, name: str) -> None:
    original: Callable[..., Any] = getattr(owner, name)

    def run(*args: Any, **kwargs: Any) -> Any:
        threading.Timer(1.0, die).start()
        return original(*args, **kwargs)

    setattr(owner, name, run)


def arm(step: str) -> None:
    from airflow_provider_voiceinfra.calls.api import VoiceInfraApi
    from airflow_provider_voiceinfra.store.claims.claims import Claims

    steps: dict[str, tuple[Callable[[type, str], None], type, str]] = {
        "before_the_claim": (die_before, Claims, "take"),
        "after_the_claim": (die_after, Claims, "take"),
        "after_the_permit": (die_after, Claims, "request_permit"),
        "during_the_post": (die_during, VoiceInfraApi, "place_call"),
        "after_the_answer": (die_before, Claims, "record_queued"),
        "after_the_record": (die_after, Claims, "record_queued"),
    }
    kill, owner, name = steps[step]
    kill(owner, name)


class CrashingOperator(OutboundCallOperator):
    """Is killed at a step in its first try, and finds another call store in its retry, where the run says so."""

    def execute(self, context: Any) -> str:
        from airflow_provider_voiceinfra.config import call_store

        params = context["params"]
        self.completion_timeout = timedelta(seconds=params["completion_timeout"])
        if context["ti"].try_number == 1 and params["step"]:
            arm(params["step"])
        elif params["store_of_retry"]:
            os.environ["AIRFLOW__VOICEINFRA__CALL_STORE"] = params["store_of_retry"]
            call_store.cache_clear()
        return super().execute(context)


with DAG(
    "crashing",
    schedule=None,
    params={"to_number": "+14155550100", "step": "", "store_of_retry": "", "completion_timeout": 60},
    max_active_runs=50,
) as dag:
    CrashingOperator(
        task_id="call",
        to_number="{{ params.to_number }}",
        retries=2,
        retry_delay=timedelta(seconds=1),
        wait_for_completion=True,
        deferrable=True,
    )
