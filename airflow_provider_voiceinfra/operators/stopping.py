"""Stops an operator from placing more calls when Airflow stops its task."""

from __future__ import annotations

from functools import cached_property

from airflow.sdk import BaseOperator

from airflow_provider_voiceinfra.calls.stop import StopFlag


class StoppableOperator(BaseOperator):
    """Places no more calls once its task is stopped: marked, cleared, deleted, timed out, or its worker terminated."""

    def on_kill(self) -> None:
        """Stop sending requests; Airflow calls this at SIGTERM and after ``execution_timeout``."""
        self._voiceinfra_stop.set()
        super().on_kill()

    @cached_property
    def _voiceinfra_stop(self) -> StopFlag:
        # Created while the task runs, by the running copy of the operator. The hook finds it by this name.
        return StopFlag()
