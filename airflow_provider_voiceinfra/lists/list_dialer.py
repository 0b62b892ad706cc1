"""Dials the rows of a call list while lines are free, and then says when to resume."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from airflow_provider_voiceinfra.calls.call_intent import CallIntent
from airflow_provider_voiceinfra.calls.dialing import Dialer
from airflow_provider_voiceinfra.calls.stop import StopFlag, stop_at_sigterm
from airflow_provider_voiceinfra.guard.errors import CallDeferredError
from airflow_provider_voiceinfra.lists.backoff import ListBackoff
from airflow_provider_voiceinfra.lists.dial_pipeline import POSTS, DialPipeline
from airflow_provider_voiceinfra.lists.progress import Progress
from airflow_provider_voiceinfra.lists.row_queue import RowQueue
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.lists.row_values import DueRow
from airflow_provider_voiceinfra.store.models import Source

# Seconds between two updates of the progress while rows are dialled.
_UPDATE_INTERVAL = 2.0
# Seconds for which send slots are reserved ahead, if there is a rate: shorter than a send permit lasts.
_AHEAD = 1.0
# Seconds to wait in the worker when VoiceInfra accepts no calls; a longer wait is deferred.
_SHORT_WAIT = 10.0
_LONGEST_PAUSE = timedelta(minutes=10)
# Seconds between two checks of which rows are still eligible, while rows are dialled.
_ELIGIBILITY_INTERVAL = 600.0


@dataclass(frozen=True, slots=True)
class ResumeAt:
    """When a list needs a worker again.

    :param until: at the latest.
    :param ended_calls: resume earlier once this many calls have ended; 0 to ignore them.
    :param pause_id: the pause that stops the list.
    :param idle_until: before which nobody is called, as far as is known; None while calls are in progress.
    """

    until: datetime
    ended_calls: int
    pause_id: int | None = None
    idle_until: datetime | None = None

    def describe(self, list_id: str) -> str:
        """Describe the wait, for the task's log."""
        sooner = "or until the pause ends, " if self.pause_id is not None else ""
        if self.ended_calls:
            sooner += f"or until {self.ended_calls} calls in progress have ended, "
        return f"Waiting until {self.until:%Y-%m-%d %H:%M:%S} UTC, {sooner}to continue list {list_id}."


class ListDialer:
    """Dials a list, from one task at a time.

    :param intent: makes the call of a row.
    :param progress: records how the calls end.
    :param end_ineligible: ends the rows that must no longer be called; called before rows are dialled.
    :param queue: the list's rows that may be dialled; default: all that are due.
    :param max_in_flight: maximum number of the list's calls in progress.
    :param calls_per_second: the limit of the list and its connection; None for no limit.
    :param shortest_deferral: a shorter wait is spent in the worker.
    :param stop: set when the task is stopped; SIGTERM sets it too.
    """

    def __init__(
        self,
        store: CallStore,
        dialer: Dialer,
        list_id: str,
        source: Source,
        intent: Callable[[DueRow], CallIntent],
        progress: Progress,
        end_ineligible: Callable[[], object],
        *,
        queue: RowQueue | None = None,
        max_in_flight: int,
        calls_per_second: float | None = None,
        shortest_deferral: timedelta = timedelta(0),
        stop: StopFlag | None = None,
    ) -> None:
        self._store = store
        self._list_id = list_id
        self._progress = progress
        self._end_ineligible = end_ineligible
        self._queue = queue or RowQueue(store, list_id)
        self._max_in_flight = max_in_flight
        self._shortest_deferral = shortest_deferral
        self._check_eligibility_at = 0.0
        self._stop = stop or StopFlag()
        self._backoff = ListBackoff(store, list_id, dialer.retry)
        self._pipeline = partial(
            DialPipeline,
            store,
            dialer,
            source,
            intent,
            posts=min(POSTS, max_in_flight),
            slots_ahead=None if calls_per_second is None else max(1, int(calls_per_second * _AHEAD)),
            stop=self._stop,
            backoff=self._backoff,
        )

    def run(self) -> ResumeAt | None:
        """Dial while lines are free and rows are due.

        :return: when to resume; None once every row has ended.
        :raises ListStoppedError: if no call of the list can be placed.
        :raises CallStoppedError: if the task is stopped; rows that were not sent are due again.
        """
        with stop_at_sigterm(self._stop):
            while True:
                resume_at = self._dial()
                wait = timedelta(0) if resume_at is None else resume_at.until - self._store.database.clock.now()
                if not timedelta(0) < wait < self._shortest_deferral:
                    return resume_at
                self._stop.sleep(min(wait.total_seconds(), _UPDATE_INTERVAL))

    def _dial(self) -> ResumeAt | None:
        """Dial until no row is due, or no line is free."""
        update_at = time.monotonic()
        with self._pipeline() as pipeline:
            while True:
                self._stop.check()
                if time.monotonic() >= self._check_eligibility_at:
                    self._end_ineligible()
                    self._check_eligibility_at = time.monotonic() + _ELIGIBILITY_INTERVAL
                idle = pipeline.is_idle()
                if idle or time.monotonic() >= update_at:
                    self._progress.look()
                    update_at = time.monotonic() + _UPDATE_INTERVAL
                wait, rows = self._backoff.left(), self._due(pipeline)
                if rows or not idle:
                    pipeline.advance(rows, _UPDATE_INTERVAL)
                elif 0 < wait <= _SHORT_WAIT:
                    self._stop.sleep(min(wait, _UPDATE_INTERVAL))
                else:
                    return self._resume_at(pipeline.deferral)

    def _due(self, pipeline: DialPipeline) -> list[DueRow]:
        """Return rows that are due: as many as there are free lines, a few at a time."""
        if not pipeline.wants_more():
            return []
        rows, active = self._store.list_rows, pipeline.active_rows
        free = min(pipeline.batch, self._max_in_flight - len(active) - rows.count_open(self._list_id, active))
        while free > 0 and (due := self._queue.due(free)):
            # None is left where each of them is on the do-not-call list.
            if chosen := self._store.row_numbers.choose(self._list_id, due):
                return chosen
        return []

    def _resume_at(self, deferral: CallDeferredError | None) -> ResumeAt | None:
        rows, now = self._store.list_rows, self._store.database.clock.now()
        due, busy = self._queue.next_due(), rows.count_open(self._list_id)
        if due is None and not busy:
            return None
        times = [now + _LONGEST_PAUSE, rows.next_deadline(self._list_id)]
        if due is not None:
            times.append(self._progress.give_up_at)
        callable_at = None
        if deferral is not None:
            callable_at = deferral.until
        elif due is not None and busy < self._max_in_flight:
            callable_at = max(filter(None, (due, self._backoff.resume_at)))
        times.append(callable_at)
        # Resuming a worker pays off for a quarter of the lines, or all that are left.
        ended_calls = min(busy, max(1, self._max_in_flight // 4)) if due is not None else busy
        if due is not None and self._backoff.left():
            ended_calls = 0
        until = min(time for time in times if time is not None)
        idle_until = (callable_at or until) if deferral is not None or not busy else None
        return ResumeAt(until, ended_calls, None if deferral is None else deferral.pause_id, idle_until)
