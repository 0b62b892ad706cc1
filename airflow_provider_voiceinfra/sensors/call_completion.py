"""Waits for the completion of calls before downstream tasks run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseSensorOperator, PokeReturnValue, conf
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout

from airflow_provider_voiceinfra import arguments
from airflow_provider_voiceinfra.completion_wait import DEFAULT_TIMEOUT, CompletionWait
from airflow_provider_voiceinfra.context import task_source, upstream_states
from airflow_provider_voiceinfra.deferral import (
    AIRFLOW_GRACE,
    Ending,
    airflow_timeout,
    check_end_from_trigger,
    resume_after,
    time_left,
)
from airflow_provider_voiceinfra.links import CallPageLink, LinkedOperator
from airflow_provider_voiceinfra.sensors.call_ids import CallIdError, check_argument, read_call_ids
from airflow_provider_voiceinfra.store.models import OUTCOMES
from airflow_provider_voiceinfra.templates import TemplatedOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class CallCompletionSensor(LinkedOperator, TemplatedOperator, BaseSensorOperator):
    """Waits until calls have ended and their completions are in the call store.

    Returns ``{call_id, call_outcome, duration_seconds, start_time, end_time}`` and the ``completion_fields`` of the
    call, or a list of such dicts for a sequence of calls; times are ISO 8601, in UTC.

    :param call_id: a ``call_id``, or any sequence of them, such as the output of a mapped operator. Missing ids of a
        sequence, those of skipped calls, are left out. (templated)
    :param fail_on_outcomes: outcomes that fail the task, such as ``["failed"]``; a retry would not call again.
    :param completion_fields: additional fields to return, by VoiceInfra's name, such as ``transcript``, ``summary`` or
        ``recording_url``; ``extracted`` is the data that the agent extracted. XComs are stored in Airflow's database
        and shown in its UI: choose with care.
    :param deferrable: wait in the triggerer, without a worker.
    :param end_from_trigger: whether the triggerer ends the task too. Default: unless something needs a worker, such as
        outlets, callbacks, OpenLineage, or an outcome that fails the task. False: a worker always ends it. True: the
        same as the default, but the DAG file warns if a worker is known to be needed.
    :param timeout: how long to wait, from the first try; retries share it, a clear restarts it.
    """

    page_link = CallPageLink()
    template_fields: Sequence[str] = ("call_id",)

    _waiting_until: datetime | None = None

    def __init__(
        self,
        *,
        call_id: str | Sequence[str],
        fail_on_outcomes: Collection[str] = (),
        completion_fields: Collection[str] = (),
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        end_from_trigger: bool | None = None,
        timeout: timedelta | float = DEFAULT_TIMEOUT,
        **kwargs: Any,
    ) -> None:
        super().__init__(timeout=arguments.duration("timeout", timeout), **kwargs)
        arguments.flags(deferrable=deferrable)
        self.call_id = check_argument(call_id)
        self.fail_on_outcomes = arguments.choices("fail_on_outcomes", fail_on_outcomes, OUTCOMES)
        self.completion_fields = arguments.names("completion_fields", completion_fields)
        self.deferrable = deferrable
        self.end_from_trigger = check_end_from_trigger(self, end_from_trigger, deferrable=deferrable)

    def execute(self, context: Context) -> Any:
        """Wait until the calls are completed."""
        # Our own deadline ends the wait: Airflow's timeout begins anew with each try.
        self.timeout = (self._longest_wait + AIRFLOW_GRACE).total_seconds()
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:  # noqa: ARG002 - a wake-up only
        """Check again: the event only wakes the task up."""
        return self.execute(context)

    def poke(self, context: Context) -> PokeReturnValue | bool:
        """Return the results if the calls are completed; otherwise wait, in the triggerer if deferrable.

        A store that is unavailable for a while fails no task that waits already, as in the triggerer.
        """
        from airflow_provider_voiceinfra.store.errors import StoreError

        call_ids, missing = self._call_ids(context)
        try:
            return self._look(context, call_ids, missing)
        except StoreError as error:
            if not self._is_waiting(context):
                raise
            self.log.warning("The call store is unavailable; waiting continues when it is back. %s", error)
            return False

    def _look(self, context: Context, call_ids: tuple[str, ...], missing: int) -> PokeReturnValue | bool:
        from airflow_provider_voiceinfra.config import call_store

        wait = CompletionWait(call_store(), call_ids, self.fail_on_outcomes, self.completion_fields)
        if wait.is_complete():
            if missing:
                self.log.info("%d more calls were not placed, and are left out.", missing)
            return PokeReturnValue(is_done=True, xcom_value=self._results(wait))
        deadline = self._deadline(context)
        if not time_left(deadline):
            raise AirflowSensorTimeout(wait.record_overdue(self._longest_wait))
        if not self._is_waiting(context):
            self.log.info("%s", wait.describe(deadline, missing))
        self._waiting_until = deadline
        if self.deferrable:
            self._defer(wait, deadline)
        return False

    def _defer(self, wait: CompletionWait, deadline: datetime) -> NoReturn:
        from airflow_provider_voiceinfra.triggers.call_completion import CallCompletionTrigger

        self.defer(
            trigger=CallCompletionTrigger(wait.call_ids, deadline.isoformat(), self._ending(), resume_after()),
            method_name="execute_complete",
            timeout=airflow_timeout(deadline),
        )

    def _ending(self) -> dict[str, Any] | None:
        shape = "one" if isinstance(self.call_id, str) else "many"
        return Ending(shape, self.fail_on_outcomes, self.completion_fields).serialize(self, self.end_from_trigger)

    def _results(self, wait: CompletionWait) -> Any:
        results = wait.results()
        return results[0] if isinstance(self.call_id, str) else results

    @cached_property
    def _longest_wait(self) -> timedelta:
        return timedelta(seconds=self.timeout)

    def _is_waiting(self, context: Context) -> bool:
        """Return whether the wait has begun, in this worker or before it was rescheduled, and has time left."""
        until = self._waiting_until
        if until is None and self.reschedule:
            begun = context["ti"].get_first_reschedule_date(context)
            until = begun and begun + self._longest_wait
        return until is not None and bool(time_left(until))

    def _call_ids(self, context: Context) -> tuple[tuple[str, ...], int]:
        try:
            return read_call_ids(self.call_id)
        except CallIdError as error:
            raise AirflowFailException(f"{error}{upstream_states(context)}") from None

    def _deadline(self, context: Context) -> datetime:
        from airflow_provider_voiceinfra.config import call_store
        from airflow_provider_voiceinfra.store.watch.deadlines import Deadlines

        return Deadlines(call_store()).of_task(task_source(context), self._longest_wait)
