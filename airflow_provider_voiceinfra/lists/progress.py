"""The progress of a call list: the results of its calls, and whether it should continue."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from airflow_provider_voiceinfra.calls.next_call import NextCall, next_calls
from airflow_provider_voiceinfra.calls.redial import Redial
from airflow_provider_voiceinfra.guard.validity import Place
from airflow_provider_voiceinfra.lists.circuit_breaker import CircuitBreaker
from airflow_provider_voiceinfra.lists.row_queue import RowQueue
from airflow_provider_voiceinfra.lists.source_rows import DUE_AGAIN
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.lists.row_values import RowCall, RowState, RowStep
from airflow_provider_voiceinfra.store.models import CallState

log = logging.getLogger(__name__)

TELL_INTERVAL = 60.0
"""Seconds between two lines in the task's log that say how far a list has come."""
_BATCH = 500


class Progress:
    """Records the results of a list's calls, and stops the list when it is broken or its time is over.

    :param redial: when callees are redialled.
    :param default_zone: the time zone of callees whose number does not tell theirs.
    :param circuit_breaker: when the list pauses itself.
    :param queue: the list's rows, which know its pilot.
    :param max_minutes: after which nobody is dialled any more.
    :param give_up_at: when nobody is dialled any more.
    :param forecast: records when the list will be done.
    """

    def __init__(
        self,
        store: CallStore,
        list_id: str,
        *,
        redial: Redial | None = None,
        default_zone: str | None = None,
        circuit_breaker: CircuitBreaker | None = None,
        queue: RowQueue | None = None,
        max_minutes: int | None = None,
        give_up_at: datetime | None = None,
        forecast: Callable[[], object] = lambda: None,
    ) -> None:
        self._store = store
        self._list_id = list_id
        self._redial = redial
        self._default_zone = default_zone
        self._stop_when = circuit_breaker or CircuitBreaker()
        self._queue = queue or RowQueue(store, list_id)
        self._max_minutes = max_minutes
        self.give_up_at = give_up_at
        self._forecast = forecast
        self._tell_at = time.monotonic() + TELL_INTERVAL

    def begin(self) -> None:
        """Record the results of calls that ended before the task ran, unknown ones included."""
        self._store.list_rows.reopen(self._list_id)
        self._settle()

    def look(self) -> None:
        """Record the results of calls that have ended."""
        self._settle()
        if self.give_up_at is not None and self.give_up_at <= self._store.database.clock.now():
            self._give_up(f"give_up_after ended at {self.give_up_at:%Y-%m-%d %H:%M} UTC")
        limit = self._max_minutes
        if limit is not None and self._store.lists.talked(self._list_id) >= timedelta(minutes=limit):
            self._give_up(f"its calls have talked {limit} minutes (max_minutes)")
        self._queue.end_pilot()
        self._stop_if_broken()
        if time.monotonic() >= self._tell_at:
            self._tell_at += TELL_INTERVAL
            self._forecast()
            log.info("%s", describe(self._store, self._list_id))

    def _settle(self) -> None:
        rows = self._store.list_rows
        over = rows.over(self._list_id)
        being_placed = [each.ref for each in over if each.state == CallState.CLAIMED]
        if being_placed:
            # By a worker that was killed.
            self._store.claims.settled(being_placed)
            over = rows.over(self._list_id)
        following = self._following([each for each in over if each.state == CallState.COMPLETED])
        steps = [step for each in over if (step := self._step(each, following.get(each.ref))) is not None]
        if steps:
            rows.record_steps(steps)

    def _following(self, completed: list[RowCall]) -> dict[str, NextCall]:
        """Decide what follows completed calls, by ref, where it is not their outcome alone that decides."""
        if self._redial is None:
            return {}
        found: dict[str, NextCall] = {}
        calls = [each for each in completed if each.outcome in self._redial.outcomes_redialled]
        for batch in (calls[first : first + _BATCH] for first in range(0, len(calls), _BATCH)):
            places = {
                each.ref: Place(each.fields.get("timezone"), each.to_number, self._default_zone) for each in batch
            }
            found |= next_calls(self._store, self._redial, places)
        return found

    def _step(self, call: RowCall, following: NextCall | None) -> RowStep | None:
        """Return what becomes of a row whose call is over."""
        if following is not None and following.redial_at is not None and not call.is_cancelled:
            number = self._next_number(call, following)
            attempt = call.attempt + 1
            return RowStep(call.row_id, call.import_version, following.redial_at, attempt, next_number=number)
        if call.state == CallState.COMPLETED:
            ended = call.completed_at or self._store.database.clock.now()
            result = call.outcome if following is None else following.result
            return RowStep(call.row_id, call.import_version, result=result, ended_at=ended)
        if call.state in {CallState.RELEASED, CallState.NOT_PLACED, CallState.WAITING}:
            again = self._store.database.clock.now() + DUE_AGAIN
            return RowStep(call.row_id, call.import_version, again, call.attempt, next_number=call.next_number)
        if call.state == CallState.CLAIMED or self._is_passed_over(call):
            return None
        if call.state == CallState.QUEUED and call.call_id is not None:
            self._store.claims.record_overdue(call.call_id)
            return RowStep(call.row_id, call.import_version, result=CallState.OVERDUE)
        return RowStep(call.row_id, call.import_version, result=call.state)

    def _is_passed_over(self, call: RowCall) -> bool:
        """Let the row go on at its next number, where a worker was killed before it could do so."""
        return call.state == CallState.REJECTED and self._store.row_numbers.pass_over(call.row_id, call.ref)

    def _next_number(self, call: RowCall, following: NextCall) -> int | None:
        """Return the index of the number to call next: none other once the callee has answered."""
        if following.was_answered or call.next_number is None:
            return None
        here = call.numbers.index(call.to_number) if call.numbers else 0
        moves_on = self._redial is not None and self._redial.next_number and call.numbers
        return (here + 1) % len(call.numbers) if moves_on else here

    def _give_up(self, reason: str) -> None:
        given_up = self._store.list_rows.give_up(self._list_id)
        if given_up:
            log.warning("%d rows of list %s are not dialled any more: %s.", given_up, self._list_id, reason)

    def _stop_if_broken(self) -> None:
        # Looked at first: a user who resumes meanwhile has seen what there is.
        reason = None if self._is_paused() else self._stop_when.reason(self._store, self._list_id)
        if reason is None:
            return
        self._stop_when.stop(self._store, self._list_id, reason)
        log.error(
            "List %s is paused, because %s. See what is wrong; then `airflow voiceinfra resume --list %s` lets it go "
            "on, or cancels it.",
            self._list_id,
            reason,
            self._list_id,
        )

    def _is_paused(self) -> bool:
        held = self._store.pauses.in_force()
        return any((each.scope, each.name) == (Scope.LIST, self._list_id) for each in held)


def describe(store: CallStore, list_id: str) -> str:
    """Return how far a list has come: rows left, calls going on, outcomes, the rate and when it will be done."""
    progress, now = store.list_progress.count(list_id), store.database.clock.now()
    said = [f"{progress.left} of {progress.rows} rows left", f"{progress.states[RowState.OPEN]} calls going on"]
    said += [f"{count} {result}" for result, count in sorted(progress.results.items())]
    if progress.rate is not None:
        said.append(f"{progress.rate:.1f} rows a minute")
    done_at, not_called = store.forecasts.get(list_id)
    if progress.left and done_at is not None:
        said.append(f"done at {max(done_at, now):%Y-%m-%d %H:%M} UTC")
    if progress.left and not_called:
        said.append(f"{not_called} of them will not be called in time")
    return f"List {list_id}: {', '.join(said)}."
