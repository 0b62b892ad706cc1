"""Waits for the completion of calls before downstream tasks run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue, conf
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout

from airflow_provider_voiceinfra import arguments
from airflow_provider_voiceinfra.completion_wait import (
    DEFAULT_TIMEOUT,
    DEFERRAL_GRACE,
    CompletionWait,
    ending_from_trigger,
    resume_after,
    time_left,
)
from airflow_provider_voiceinfra.store.models import OUTCOMES
from airflow_provider_voiceinfra.templates import TemplatedOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class CallCompletionSensor(TemplatedOperator, BaseSensorOperator):
    """Waits until calls have ended and their completions are in the call store.

    Returns ``{call_id, call_outcome, duration_seconds, start_time, end_time}`` and the ``completion_fields`` of the
    call, or a list of such dicts for a sequence of calls; times are ISO 8601, in UTC.

    :param call_id: a ``call_id``, or any sequence of them, such as the output of a mapped operator. (templated)
    :param fail_on_outcomes: outcomes that fail the task, such as ``["failed"]``; a retry would not call again.
    :param completion_fields: additional fields to return, by VoiceInfra's name, such as ``transcript``, ``summary`` or
        ``recording_url``; ``extracted`` is the data that the agent extracted. XComs are stored in Airflow's database
        and shown in its UI: choose with care.
    :param deferrable: wait in the triggerer, without a worker.
    :param end_from_trigger: end the task from the triggerer, without a worker. If ending it takes more (outlets,
        ``on_success_callback``, ``post_execute``, a custom XCom backend) or an outcome fails it, a worker ends it.
    :param timeout: how long to wait, from the first try; retries share it, a clear restarts it.
    """

    template_fields: Sequence[str] = ("call_id",)

    def __init__(
        self,
        *,
        call_id: str | Sequence[str],
        fail_on_outcomes: Collection[str] = (),
        completion_fields: Collection[str] = (),
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        end_from_trigger: bool = False,
        timeout: timedelta | float = DEFAULT_TIMEOUT,
        **kwargs: Any,
    ) -> None:
        super().__init__(timeout=arguments.duration("timeout", timeout), **kwargs)
        arguments.flags(deferrable=deferrable, end_from_trigger=end_from_trigger)
        self.call_id = _check_call_id(call_id)
        self.fail_on_outcomes = arguments.choices("fail_on_outcomes", fail_on_outcomes, OUTCOMES)
        self.completion_fields = arguments.names("completion_fields", completion_fields)
        self.deferrable = deferrable
        self.end_from_trigger = end_from_trigger

    def execute(self, context: Context) -> Any:
        """Wait, in the triggerer if deferrable."""
        if not self.deferrable:
            return super().execute(context)
        wait, deadline = self._wait(), self._deadline(context)
        if time_left(deadline) and not wait.is_complete():
            from airflow_provider_voiceinfra.triggers.call_completion import CallCompletionTrigger

            self.log.info("Waiting for %d calls until %s.", len(wait.call_ids), deadline)
            ending = None
            if self.end_from_trigger:
                shape = "one" if isinstance(self.call_id, str) else "many"
                ending = ending_from_trigger(self, shape, self.fail_on_outcomes, self.completion_fields)
            self.defer(
                trigger=CallCompletionTrigger(wait.call_ids, deadline.isoformat(), ending, resume_after()),
                method_name="execute_complete",
                timeout=time_left(deadline) + DEFERRAL_GRACE,
            )
        # The same path as after a deferral, which handles soft_fail and never_fail.
        return self.resume_execution("execute_complete", {"event": {}}, context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:  # noqa: ARG002 - a wake-up only
        """Return the results from the call store; the event only wakes the task up."""
        return self._results(self._wait())

    def poke(self, context: Context) -> PokeReturnValue | bool:
        """Check once whether the calls are completed."""
        wait = self._wait()
        if wait.is_complete():
            return PokeReturnValue(is_done=True, xcom_value=self._results(wait))
        if not time_left(self._deadline(context)):
            self._results(wait)
        return False

    def _results(self, wait: CompletionWait) -> Any:
        if not wait.is_complete():
            raise AirflowSensorTimeout(wait.record_overdue(timedelta(seconds=self.timeout)))
        results = wait.results()
        return results[0] if isinstance(self.call_id, str) else results

    def _wait(self) -> CompletionWait:
        from airflow_provider_voiceinfra.config import call_store

        given = [self.call_id] if isinstance(self.call_id, str) else list(self.call_id or ())
        if not all(isinstance(call_id, str) and call_id for call_id in given) or self.call_id is None:
            raise AirflowFailException(
                "call_id is missing, or an item of it is: an upstream task may have placed no call. Pass the output of "
                "OutboundCallOperator, and run this task only if a call was placed."
            )
        return CompletionWait(call_store(), tuple(given), self.fail_on_outcomes, self.completion_fields)

    def _deadline(self, context: Context) -> Any:
        from airflow_provider_voiceinfra.config import call_store
        from airflow_provider_voiceinfra.context import task_source
        from airflow_provider_voiceinfra.store.watch.deadlines import Deadlines

        return Deadlines(call_store()).of_task(task_source(context), timedelta(seconds=self.timeout))


def _check_call_id(call_id: Any) -> Any:
    """Check the argument as far as it is known before the task runs; an upstream task may still return None."""
    each = [call_id] if isinstance(call_id, str) or arguments.is_template(call_id) else call_id
    wanted = "a call_id, a list of them, or the output of a task"
    if isinstance(each, bytes) or not isinstance(each, Sequence):
        raise TypeError(arguments.wrong("call_id", wanted, call_id))
    if not all(one is None or isinstance(one, str) or arguments.is_template(one) for one in each):
        raise TypeError(arguments.wrong("call_id", wanted, call_id))
    return call_id
