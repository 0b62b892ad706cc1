"""Waiting for completions, shared by the sensor and the operators."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, conf
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_voiceinfra.compat import has_post_execute, is_dag_test

if TYPE_CHECKING:
    from airflow_provider_voiceinfra.store.call_store import CallStore
    from airflow_provider_voiceinfra.store.models import Call, Completion

log = logging.getLogger(__name__)

DEFAULT_TIMEOUT = timedelta(hours=2)

_XCOM_BACKEND = "airflow.sdk.execution_time.xcom.BaseXCom"

DEFERRAL_GRACE = timedelta(minutes=2)
"""How long after our deadline Airflow times out a deferred task: at our deadline we check the store once more."""


@dataclass(frozen=True, slots=True)
class CompletionWait:
    """Waits for the completions of some calls.

    :param call_ids: in the order given; one may appear twice.
    :param fail_on_outcomes: outcomes that fail the task, without a retry.
    :param completion_fields: additional fields of each completion to return.
    """

    store: CallStore
    call_ids: tuple[str, ...]
    fail_on_outcomes: Collection[str]
    completion_fields: Collection[str]

    def is_complete(self) -> bool:
        """Return whether every call is completed."""
        wanted = set(self.call_ids)
        return wanted <= self.store.completions.outcomes(wanted).keys()

    def describe(self, deadline: datetime, missing: int = 0) -> str:
        """Describe the wait, for the task's log.

        :param missing: how many calls of a sequence were not placed.
        """
        count = len(set(self.call_ids))
        calls = f"call {self._name(self.call_ids[0])}" if count == 1 else f"{count} calls"
        skipped = f" {missing} more were not placed, and are left out." if missing else ""
        return f"Waiting until {deadline:%Y-%m-%d %H:%M:%S} UTC for {calls} to end.{skipped}"

    def results(self) -> list[dict[str, Any]]:
        """Return the results, one for each id, and log how the calls ended. Every wait ends here.

        :raises AirflowFailException: if an outcome is among ``fail_on_outcomes``.
        """
        ended = [self._ended_call(call_id) for call_id in self.call_ids]
        failing = [each for each in ended if each.completion.outcome in self.fail_on_outcomes]
        if failing:
            named = ", ".join(f"{each.name} ({each.outcome_after()})" for each in failing[:10])
            more = f" and {len(failing) - 10} more" if len(failing) > 10 else ""  # noqa: PLR2004
            raise AirflowFailException(
                f"These calls ended with an outcome that fails this task: {named}{more}. A retry would not call again."
            )
        if len(ended) == 1:
            log.info("Call %s ended: %s.", ended[0].name, ended[0].outcome_after())
        else:
            outcomes = Counter(each.completion.outcome for each in ended)
            counted = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
            seconds = max((each.seconds for each in ended if each.seconds is not None), default=None)
            longest = "" if seconds is None else f" The longest took {seconds:.0f} s."
            log.info("%d calls ended: %s.%s", len(ended), counted or "none", longest)
        return [self._result(each.completion) for each in ended]

    def record_overdue(self, timeout: timedelta) -> str:
        """Mark the calls that are not completed as overdue, and describe them."""
        open_ids = sorted(set(self.call_ids) - self.store.completions.outcomes(self.call_ids).keys())
        for call_id in open_ids:
            self.store.claims.record_overdue(call_id)
        named = ", ".join(map(self._name, open_ids[:10]))
        return (
            f"{len(open_ids)} of {len(set(self.call_ids))} calls were not completed within {timeout}: {named}. "
            f"{self._likely_reason(timeout)} A completion that arrives later is kept."
        )

    def _likely_reason(self, timeout: timedelta) -> str:
        begun = self.store.database.clock.now() - timeout
        newest, refused = self.store.completions.newest_arrival(), self.store.rejected_webhooks.since(begun)
        settings = "under Settings → Webhooks at VoiceInfra"
        if refused:
            return (
                f"{refused} webhooks were rejected meanwhile, because they were not signed with the webhook_secret of "
                f"their connection: check that it is the same as {settings}."
            )
        if newest is None:
            return (
                f"No webhook has ever arrived: check the webhook's URL {settings}, and that it can reach the receiver."
            )
        if newest < begun:
            return (
                f"No webhook has arrived since {newest:%Y-%m-%d %H:%M} UTC: check {settings} that the webhook is "
                "enabled, and that it can reach the receiver (GET /voiceinfra/health)."
            )
        return (
            f"Webhooks of other calls have arrived, the last one at {newest:%H:%M} UTC: these calls were never "
            "completed, or their webhooks were lost on the way. Look for them in VoiceInfra's call log."
        )

    def _ended_call(self, call_id: str) -> _EndedCall:
        call = self.store.calls.get(call_id)
        completion = self.store.calls.completion(call_id) if call is None else call.completion
        if completion is None:
            raise LookupError(f"the completion of {call_id} is not in the call store")
        if call is None or call.completed_at is None:
            return _EndedCall(call_id, completion)
        placed = call.queued_at or call.claimed_at
        return _EndedCall(f"{call.ref} ({call_id})", completion, (call.completed_at - placed).total_seconds())

    def _name(self, call_id: str) -> str:
        call = self.store.calls.get(call_id)
        return call_id if call is None else f"{call.ref} ({call_id})"

    def _result(self, completion: Completion) -> dict[str, Any]:
        return {
            "call_id": completion.call_id,
            "call_outcome": completion.outcome,
            "duration_seconds": completion.duration_seconds,
            "start_time": _text(completion.start_time),
            "end_time": _text(completion.end_time),
        } | {name: completion.field(name) for name in self.completion_fields}


@dataclass(frozen=True, slots=True)
class _EndedCall:
    """A completed call.

    :param seconds: from its placement to the arrival of its completion; None if it was not placed here.
    """

    name: str
    completion: Completion
    seconds: float | None = None

    def outcome_after(self) -> str:
        """Return its outcome, and after how many seconds it came."""
        return self.completion.outcome + ("" if self.seconds is None else f" after {self.seconds:.0f} s")


@dataclass(frozen=True, slots=True)
class Ending:
    """Describes how a trigger ends a task without a worker, pushing what a worker would push.

    :param shape: ``call`` for the XComs of the operator, ``one`` or ``many`` for those of the sensor.
    """

    shape: str
    fail_on_outcomes: Sequence[str]
    completion_fields: Sequence[str]

    def xcoms(self, store: CallStore, call_ids: tuple[str, ...]) -> dict[str, Any]:
        """Return the XComs of a task whose calls are completed.

        :raises AirflowFailException: if an outcome fails the task.
        """
        results = CompletionWait(store, call_ids, self.fail_on_outcomes, self.completion_fields).results()
        if self.shape == "call":
            return {"return_value": call_ids[0], "completion": results[0]}
        return {"return_value": results[0] if self.shape == "one" else results}


def ending_from_trigger(
    task: BaseOperator, shape: str, fail_on_outcomes: Collection[str], completion_fields: Collection[str]
) -> dict[str, Any] | None:
    """Describe how a trigger ends a task, as plain JSON; None if a worker is needed. See :class:`Ending`."""
    if _needs_worker(task):
        return None
    return asdict(Ending(shape, list(fail_on_outcomes), list(completion_fields)))


def _needs_worker(task: BaseOperator) -> bool:
    """Return whether ending a task takes more than setting its state and XComs, which is all a trigger can do."""
    own_backend = conf.get("core", "xcom_backend") != _XCOM_BACKEND
    mapped_over = next(iter(task.iter_mapped_dependants()), None)
    return bool(
        task.outlets
        or task.on_success_callback
        or has_post_execute(task)
        or own_backend
        or mapped_over
        or not task.do_xcom_push
    )


def unresolved_call_error(store: CallStore, call: Call) -> AirflowFailException:
    """Return the error for a call that stays unknown; it says how to resolve the call."""
    rivals, completions, elsewhere = store.resolutions.candidates(call.ref)
    fits = ""
    if completions:
        fits = f" Completions that fit it, but may be another call's: {', '.join(completions)}."
    if rivals:
        fits += f" These completions also fit the calls {', '.join(rivals)}."
    if elsewhere:
        fits += f" They also fit {elsewhere} calls of other environments."
    resolve = f"airflow voiceinfra calls resolve {call.ref}"
    return AirflowFailException(
        f"Call {call.ref} may have been placed, but its answer was lost and no webhook settled it until "
        f"{call.deadline:%Y-%m-%d %H:%M} UTC. It is not dialled again.{fits} Look for it in VoiceInfra's call log by "
        f"time and number; then run `{resolve} --call-id <its call_id>` or, if it is not there, "
        f"`{resolve} --not-placed`, and clear this task."
    )


def time_left(deadline: datetime) -> timedelta:
    """Return the time until a deadline by the store's clock, at least zero.

    May query the store, so do not call it in an event loop.
    """
    from airflow_provider_voiceinfra.config import call_store

    return max(timedelta(0), deadline - call_store().database.clock.now())


def settle_time() -> timedelta:
    """Return how long a task stays deferred at least before a worker resumes it.

    The scheduler learns from its executor that the first worker has ended. If the task is queued again by then, it
    takes that for the end of the second one, and fails the task (apache/airflow #72716). A worker may notice only
    after ``[workers] min_heartbeat_interval`` (5 s) that its task's process has ended.
    """
    from airflow_provider_voiceinfra.config import deferral_settle_time

    return timedelta(0) if is_dag_test() else deferral_settle_time()


def resume_after() -> str:
    """Return when a task that is deferred now may resume in a worker, in ISO 8601."""
    from airflow_provider_voiceinfra.config import call_store

    return (call_store().database.clock.now() + settle_time()).isoformat()


async def settle(resume_after: str | None) -> None:
    """Wait until a worker may resume the task.

    :param resume_after: see :func:`resume_after`; absolute, so that a restart of the triggerer does not extend it.
    """
    if resume_after is not None:
        left = await asyncio.to_thread(time_left, datetime.fromisoformat(resume_after))
        await asyncio.sleep(left.total_seconds())


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
