"""Places one AI phone call, at most once."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import conf
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_voiceinfra import arguments
from airflow_provider_voiceinfra.calls.redial import Redial
from airflow_provider_voiceinfra.completion_wait import DEFAULT_TIMEOUT, CompletionWait
from airflow_provider_voiceinfra.deferral import (
    Ending,
    airflow_timeout,
    check_end_from_trigger,
    resume_after,
    time_left,
)
from airflow_provider_voiceinfra.guard.calling_hours import CallingHours
from airflow_provider_voiceinfra.guard.constraints import check_when
from airflow_provider_voiceinfra.guard.limits import caps_of
from airflow_provider_voiceinfra.operators.placing import PlacingOperator
from airflow_provider_voiceinfra.store.models import OUTCOMES

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_voiceinfra.store.models import Call

_POLL_SECONDS = 2.0
_DEFAULT_DEFERRABLE = conf.getboolean("operators", "default_deferrable", fallback=False)


class OutboundCallOperator(PlacingOperator):
    """Places an outbound phone call by an AI agent, at most once, whatever is retried or lost.

    Returns the ``call_id``, which is pushed as XCom ``call_id`` as soon as it is known. A retry or a clear of the task
    finds the placed call and does not call again. If VoiceInfra's answer is lost, the task waits in the triggerer for
    the call's webhook. While the guard defers the call (a pause, calling hours, a limit of the connection), the task
    waits there too. If the guard blocks the call (do-not-call, expired, cancelled), the task is
    skipped.

    :param to_number: the callee's number, in E.164 or, with ``default_region``, in national format. (templated)
    :param agent_id: the AI agent; default: the connection's. (templated)
    :param from_number: the caller ID, one of the account's numbers, or several, of which a near one is chosen for each
        callee; default: the connection's. (templated)
    :param first_message: replaces the agent's opening line for this call. (templated)
    :param context: text added to the agent's system prompt for this call. (templated)
    :param variables: a dict that fills the agent's prompt template; values keep their types. (templated)
    :param metadata: a dict that is stored with the call and never sent, such as ``{"appointment": 4711}``.
        (templated)
    :param voiceinfra_conn_id: a connection of type ``voiceinfra``. (templated)
    :param idempotency_key: your name for this call, such as ``reminder-{{ params.appointment }}``: one key, at most one
        call, across runs and DAGs. Default: DAG, run, task, map index and number. (templated)
    :param default_region: the country, such as ``US``, of a number without a country code. (templated)
    :param redial_on_clear: call again when the task is cleared, if the earlier call has ended. Airflow also
        clears tasks in other ways than with the button: "mark success" upstream, reprocessing backfills.
    :param wait_for_completion: wait until the call has ended, and push its completion as XCom ``completion``, in the
        form of :class:`~airflow_provider_voiceinfra.sensors.call_completion.CallCompletionSensor`.
    :param completion_timeout: how long to wait, a timedelta or seconds, counted from the first try.
    :param fail_on_outcomes: outcomes that fail the task, such as ``["failed"]``; a retry would not call again.
    :param completion_fields: additional fields of the completion to push, such as ``summary``; see the sensor.
    :param deferrable: wait for the completion in the triggerer, without a worker. Calls that the guard defers, calls
        whose answer was lost, and redials wait there even if this is False, so a triggerer must run.
    :param end_from_trigger: end the task from the triggerer too; see the sensor.
    :param calling_hours: when the callee may be called, in their local time, such as ``mon-fri 09:00-19:00``; the
        connection's apply too.
    :param timezone: the callee's time zone, such as ``Europe/London``; default: that of the number. (templated)
    :param not_before: when the call may be placed; a date is the start of that day in the callee's time zone.
        (templated)
    :param not_after: when the call expires, such as the appointment's time: it is not placed later. A date is the end
        of that day in the callee's time zone. (templated)
    :param max_calls_per_number: how often the callee may be called, such as ``1/24h, 3/7d``: the call waits until it
        may be placed. The connection's apply too.
    :param redial: redial unanswered calls; implies ``wait_for_completion``.
    """

    def __init__(
        self,
        *,
        to_number: str,
        agent_id: str | None = None,
        from_number: str | Sequence[str] | None = None,
        first_message: str | None = None,
        context: str | None = None,
        variables: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        voiceinfra_conn_id: str = "voiceinfra_default",
        idempotency_key: str | None = None,
        default_region: str | None = None,
        redial_on_clear: bool = False,
        wait_for_completion: bool = False,
        completion_timeout: timedelta | float = DEFAULT_TIMEOUT,
        fail_on_outcomes: Collection[str] = (),
        completion_fields: Collection[str] = (),
        deferrable: bool = _DEFAULT_DEFERRABLE,
        end_from_trigger: bool | None = None,
        calling_hours: CallingHours | str | None = None,
        timezone: str | None = None,
        not_before: date | str | None = None,
        not_after: date | str | None = None,
        max_calls_per_number: str | None = None,
        redial: Redial | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        arguments.strings(
            to_number=to_number,
            agent_id=agent_id,
            first_message=first_message,
            context=context,
            voiceinfra_conn_id=voiceinfra_conn_id,
            idempotency_key=idempotency_key,
        )
        arguments.caller_ids(from_number)
        arguments.objects(variables=variables, metadata=metadata)
        arguments.region("default_region", default_region)
        arguments.flags(
            redial_on_clear=redial_on_clear,
            wait_for_completion=wait_for_completion,
            deferrable=deferrable,
        )
        check_when(timezone=timezone, not_before=not_before, not_after=not_after)
        self.to_number = to_number
        self.agent_id = agent_id
        self.from_number = from_number
        self.first_message = first_message
        self.context = context
        self.variables = variables
        self.metadata = metadata
        self.voiceinfra_conn_id = voiceinfra_conn_id
        self.idempotency_key = idempotency_key
        self.default_region = default_region
        self.redial_on_clear = redial_on_clear
        self.wait_for_completion = wait_for_completion or redial is not None
        self.completion_timeout = arguments.duration("completion_timeout", completion_timeout)
        self.fail_on_outcomes = arguments.choices("fail_on_outcomes", fail_on_outcomes, OUTCOMES)
        self.completion_fields = arguments.names("completion_fields", completion_fields)
        self.deferrable = deferrable
        self.end_from_trigger = check_end_from_trigger(self, end_from_trigger, deferrable=deferrable)
        self.calling_hours = CallingHours.of(calling_hours)
        self.timezone = timezone
        self.not_before = not_before
        self.not_after = not_after
        self.max_calls_per_number = caps_of(max_calls_per_number)
        self.redial = arguments.instance("redial", redial, Redial, "Redial(attempts=3)")
        self._check_ignored_arguments(
            fail_on_outcomes=fail_on_outcomes, completion_fields=completion_fields, end_from_trigger=end_from_trigger
        )

    def execute_complete(self, context: Context, event: dict[str, Any]) -> str:  # noqa: ARG002 - a wake-up only
        """Continue after the call has ended or the wait has timed out."""
        return self._end(context, self.get_call(self._placed(context)))

    def execute_redial(self, context: Context, event: dict[str, Any]) -> str:
        """Redial at the due time."""
        return self.execute_attempt(context, self.get_call(event["ref"]).attempt + 1)

    def after_placed(self, context: Context, call: Call) -> str:
        """Wait for the call to end, if configured."""
        call_id = _require_call_id(call)
        if not self.wait_for_completion:
            return call_id
        self._wait_for_completion(context, call_id, call.attempt)
        # Read again, because it has ended.
        return self._end(context, self.get_call(call.ref))

    def give_up(self, context: Context, error: Exception) -> str:
        """End with the previous call if the guard blocks a redial."""
        call_id = self._placed(context) if self.redial else None
        if call_id is None:
            return super().give_up(context, error)
        self.log.info("%s The task ends with the previous call.", error)
        self._push_completion(context, self._wait(call_id))
        return call_id

    def _check_ignored_arguments(self, **needs_wait: object) -> None:
        ignored = [name for name, value in needs_wait.items() if value]
        if ignored and not self.wait_for_completion:
            raise ValueError(
                f"{' and '.join(ignored)} of {self.task_id!r} have no effect, because the task does not wait: "
                "set wait_for_completion=True, or set them on the CallCompletionSensor that waits."
            )
        if self.deferrable and not self.wait_for_completion and not _DEFAULT_DEFERRABLE:
            warnings.warn(
                f"deferrable=True of {self.task_id!r} has no effect, because the task does not wait for the call: "
                "set wait_for_completion=True, or set deferrable=True on the CallCompletionSensor that waits.",
                UserWarning,
                # In the DAG file: the constructor is called by a wrapper of Airflow's.
                stacklevel=4,
            )

    def _placed(self, context: Context) -> str:
        """Return the call that was placed last, from XCom: in ``dag.test()``, the event is another object."""
        ti = context["ti"]
        call_id: str = ti.xcom_pull(task_ids=ti.task_id, key="call_id", map_indexes=ti.map_index)
        return call_id

    def _wait_for_completion(self, context: Context, call_id: str, attempt: int) -> None:
        from airflow_provider_voiceinfra.config import call_store
        from airflow_provider_voiceinfra.context import task_source
        from airflow_provider_voiceinfra.store.watch.deadlines import Deadlines

        wait = self._wait(call_id)
        deadline = Deadlines(call_store()).of_task(task_source(context), self.completion_timeout, attempt=attempt)
        is_waiting = not wait.is_complete() and bool(time_left(deadline))
        if is_waiting:
            self.log.info("%s", wait.describe(deadline))
        if self.deferrable and is_waiting:
            from airflow_provider_voiceinfra.triggers.call_completion import CallCompletionTrigger

            self.defer(
                trigger=CallCompletionTrigger([call_id], deadline.isoformat(), self._ending(), resume_after()),
                method_name="execute_complete",
                timeout=airflow_timeout(deadline),
            )
        while not wait.is_complete() and time_left(deadline):
            self._voiceinfra_stop.sleep(min(_POLL_SECONDS, time_left(deadline).total_seconds()))

    def _end(self, context: Context, call: Call) -> str:
        """End with a call, or redial."""
        call_id, due = _require_call_id(call), self._redial_at(call)
        if due is not None:
            return self._redial(context, call, due)
        self._push_completion(context, self._wait(call_id))
        return call_id

    def _redial_at(self, call: Call) -> datetime | None:
        """Return when to redial after a call; None if it is the last one."""
        from airflow_provider_voiceinfra.calls.next_call import next_calls
        from airflow_provider_voiceinfra.config import call_store
        from airflow_provider_voiceinfra.guard.constraints import default_zone, read_timezone
        from airflow_provider_voiceinfra.guard.validity import Place
        from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook

        if (
            self.redial is None
            or call.completion is None
            or call.completion.outcome not in self.redial.outcomes_redialled
        ):
            return None
        rendered = self.rendered_fields()
        limits = VoiceInfraHook(rendered["voiceinfra_conn_id"]).account.limits
        place = Place(read_timezone(rendered["timezone"]), call.to_number, default_zone(self.calling_hours, limits))
        return next_calls(call_store(), self.redial, {call.ref: place})[call.ref].redial_at

    def _redial(self, context: Context, call: Call, due: datetime) -> str:
        if time_left(due):
            from airflow_provider_voiceinfra.triggers.call_allowed import CallAllowedTrigger

            self.log.info("Call %s is redialled at %s.", call.ref, due)
            self.defer(
                trigger=CallAllowedTrigger(call.ref, due.isoformat(), resume_after=resume_after()),
                method_name="execute_redial",
                timeout=airflow_timeout(due),
            )
        return self.execute_attempt(context, call.attempt + 1)

    def _push_completion(self, context: Context, wait: CompletionWait) -> None:
        if not wait.is_complete():
            raise AirflowFailException(wait.record_overdue(self.completion_timeout))
        context["ti"].xcom_push(key="completion", value=wait.results()[0])

    def _ending(self) -> dict[str, Any] | None:
        worker_needed = (*self.fail_on_outcomes, *(self.redial.outcomes_redialled if self.redial else ()))
        return Ending("call", worker_needed, self.completion_fields).serialize(self, self.end_from_trigger)

    def _wait(self, call_id: str) -> CompletionWait:
        from airflow_provider_voiceinfra.config import call_store

        return CompletionWait(call_store(), (call_id,), self.fail_on_outcomes, self.completion_fields)


def _require_call_id(call: Call) -> str:
    if call.call_id is None:
        raise ValueError(f"Call {call.ref} has no call_id: VoiceInfra has not accepted it.")
    return call.call_id
