"""What Airflow's stopping of a task does to an operator that places calls."""

from __future__ import annotations

from functools import cached_property

from airflow.sdk import BaseOperator

from airflow_provider_voiceinfra.calls.stop import StopFlag


class StoppableOperator(BaseOperator):
    """Places no more calls once its task is stopped: marked, cleared, deleted, timed out, or its worker ended."""

    def on_kill(self) -> None:
        """Let nothing more be sent; Airflow calls this at SIGTERM and after ``execution_timeout``."""
        self._voiceinfra_stop.set()
        super().on_kill()

    @cached_property
    def _voiceinfra_stop(self) -> StopFlag:
        # Made while the task runs, by the copy of the operator that runs. The hook finds it by this name.
        return StopFlag()
