"""Airflow's own time and sleeps under ``dag.test()``, patched by name: much of it is private API."""

from __future__ import annotations

import sys
import time
from datetime import datetime, tzinfo
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.bases import sensor
from airflow.sdk.exceptions import AirflowRescheduleException

from airflow_provider_voiceinfra.sensors.call_completion import CallCompletionSensor
from airflow_provider_voiceinfra.testing.autojump import AutojumpClock

_DAG = "airflow.sdk.definitions.dag"
_TASK_INSTANCE = "airflow.models.taskinstance"


def patch_time(clock: AutojumpClock, patch: pytest.MonkeyPatch) -> None:
    """Let Airflow tell the time of the test: in the logical date of the run, and when it tries or pokes again."""

    class Datetime(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return clock.now().astimezone(tz)

    for module in ("supervisor", "task_runner"):
        patch.setattr(f"airflow.sdk.execution_time.{module}.datetime", Datetime)
    for module in ("airflow.sdk.timezone", "airflow._shared.timezones.timezone"):
        patch.setattr(f"{module}.utcnow", clock.now)


def patch_sleeps(clock: AutojumpClock, patch: pytest.MonkeyPatch) -> None:
    """Skip the time between two pokes, and between two tries, whose end ``dag.test()`` looks for each second."""
    sleep, ends = time.sleep, set[datetime]()
    next_retry: Any = import_module(_TASK_INSTANCE).TaskInstance.next_retry_datetime

    def noted_retry(ti: Any) -> Any:
        end = next_retry(ti)
        ends.add(end)
        return end

    def noted_reschedule(end: datetime) -> Exception:
        ends.add(end)
        return AirflowRescheduleException(end)

    def poke_interval(task: CallCompletionSensor, *_: object) -> float:
        until = task._waiting_until or clock.now()  # noqa: SLF001
        # Half of the time that is left, because a poke may have met a store that was unavailable.
        return clock.idle_time(max(task.poke_interval, (until - clock.now()).total_seconds() / 2))

    def sleep_or_wait(seconds: float) -> None:
        now = clock.now()
        end = min((end for end in ends if end > now), default=None)
        if end is None or not is_called_by(_DAG):
            sleep(seconds)
        else:
            clock.wait((end - now).total_seconds())

    patch.setattr(f"{_TASK_INSTANCE}.TaskInstance.next_retry_datetime", noted_retry)
    patch.setattr(sensor, "AirflowRescheduleException", noted_reschedule)
    patch.setattr(CallCompletionSensor, "_get_next_poke_interval", poke_interval)
    patch.setattr(sensor, "time", SimpleNamespace(monotonic=clock.monotonic, sleep=clock.wait))
    patch.setattr(time, "sleep", sleep_or_wait)


def is_called_by(module: str) -> bool:
    """Return whether the caller of this function was called by a module."""
    return bool(sys._getframe(2).f_globals.get("__name__") == module)  # noqa: SLF001
