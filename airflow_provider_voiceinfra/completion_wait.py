"""Waiting for completions, shared by the sensor and the operators."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

if TYPE_CHECKING:
    from airflow_provider_voiceinfra.store.call_store import CallStore
    from airflow_provider_voiceinfra.store.models import Call, Completion

log = logging.getLogger(__name__)

DEFAULT_TIMEOUT = timedelta(hours=2)


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


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
