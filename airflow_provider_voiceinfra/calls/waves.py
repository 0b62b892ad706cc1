"""Waves: the rows of a call list are dialled while lines are free; then there is a time to come back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Condition

from airflow_provider_voiceinfra.calls import errors, refusals
from airflow_provider_voiceinfra.calls.dialing import Dialer, Placed
from airflow_provider_voiceinfra.calls.intent import CallIntent
from airflow_provider_voiceinfra.calls.progress import Progress
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.list_rows import ListRow
from airflow_provider_voiceinfra.store.records import CallState, Source
from airflow_provider_voiceinfra.store.rules import Rule

log = logging.getLogger(__name__)

POSTS = 50
"""At a time at most, however many lines there are."""
_HANDS = 64
"""Rows that are taken care of at a time: while some are sent, others are claimed, or their answers recorded."""
_LOOK_INTERVAL = 2.0
"""Seconds after which it is looked again what became of the other calls, while rows are dialled."""
_AHEAD = 2.0
"""Seconds for which turns are taken ahead, where there is a rate."""
_LONGEST_NAP = timedelta(minutes=10)
_AGAIN = timedelta(seconds=60)
"""After which a row of which nothing was sent is due again."""
_WHOLE_LIST = frozenset({Rule.HOLD, Rule.PER_DAY, Rule.IN_FLIGHT, Rule.PACE})
"""Rules that let no other row of the list through either."""


@dataclass(frozen=True, slots=True)
class Nap:
    """Until when a list needs no worker.

    :param until: at the latest.
    :param lines: how many calls must have ended for it to be worth to come back before; 0 where none is waited for.
    :param hold_id: the hold that the list has met.
    """

    until: datetime
    lines: int
    hold_id: int | None = None


class ListStoppedError(errors.VoiceInfraError):
    """The list cannot go on: every call of it would be refused. Its rows stay as they are."""


class Waves:
    """Dials a list, from one task at a time.

    :param intent: gives the call that a row asks for.
    :param progress: notes what became of the calls.
    :param max_in_flight: calls of the list that may be going on at a time.
    :param calls_per_second: at which it can dial at most; None for as fast as may be.
    """

    def __init__(
        self,
        store: CallStore,
        dialer: Dialer,
        list_id: str,
        source: Source,
        intent: Callable[[ListRow], CallIntent],
        progress: Progress,
        *,
        max_in_flight: int,
        calls_per_second: float | None = None,
    ) -> None:
        self._store = store
        self._dialer = dialer
        self._list_id = list_id
        self._source = source
        self._intent = intent
        self._progress = progress
        self._max_in_flight = max_in_flight
        ahead = _HANDS if calls_per_second is None else int(calls_per_second * _AHEAD)
        self._hands = max(1, min(_HANDS, max_in_flight, ahead))

    def run(self) -> Nap | None:
        """Dial while lines are free and rows are due.

        :return: when to come back; None where every row has its end state.
        :raises ListStoppedError: if no call of the list can be placed.
        """
        with self._dialer.for_many(POSTS) as dialer, _Crew(self._hands, lambda row: self._dial(dialer, row)) as crew:
            look_at = time.monotonic()
            while True:
                idle = crew.is_idle()
                if idle or time.monotonic() >= look_at:
                    self._progress.look()
                    look_at = time.monotonic() + _LOOK_INTERVAL
                rows = self._due(crew)
                for row in rows:
                    crew.hand_out(row)
                if not rows:
                    if idle:
                        crew.check()
                        return self._nap(crew.refusal)
                    crew.wait(_LOOK_INTERVAL)

    def _due(self, crew: _Crew) -> list[ListRow]:
        """Give rows that are due, as many as there are free lines, a few at a time."""
        if crew.stopped:
            return []
        rows, in_hands = self._store.list_rows, set(crew.in_hands)
        free = min(2 * self._hands, self._max_in_flight - len(in_hands) - rows.count_open(self._list_id, in_hands))
        if free < 1:
            return []
        # Those in hands are due still until they are claimed.
        due = rows.due(self._list_id, datetime.now(UTC), free + len(in_hands))
        return [row for row in due if row.id not in in_hands][:free]

    def _dial(self, dialer: Dialer, row: ListRow) -> refusals.CallWaitsError | None:
        """Dial one row. Its claim, and what the guard says, are written beside it by the store.

        :return: what stops the whole list for now, if anything does.
        """
        rows = self._store.list_rows
        try:
            placed = dialer.dial(self._intent(row), settle_wait=0)
        except errors.CallUnknownError as error:
            rows.called(row.id, str(error.ref))
        except errors.KeyConflictError as error:
            rows.done(row.id, "already_called", str(error.ref))
        except refusals.CallWaitsError as error:
            return error if error.rule in _WHOLE_LIST else None
        except refusals.CallRefusedError:
            pass
        except (errors.AuthenticationError, errors.AgentNotFoundError) as error:
            rows.wait(row.id, datetime.now(UTC))
            raise ListStoppedError(f"{error} The list stops here; its other rows were not dialled.") from error
        except errors.CallRejectedError as error:
            rows.done(row.id, CallState.REJECTED, str(error.ref))
        except errors.CallNotSentError as error:
            log.warning("%s", error)
            rows.wait(row.id, datetime.now(UTC) + _AGAIN)
        else:
            self._found(row, placed)
        return None

    def _found(self, row: ListRow, placed: Placed) -> None:
        """Note whose call it is that the row's key has placed before, if it has."""
        if placed.earlier is None:
            return
        theirs, ours = placed.earlier.source, self._source
        if (theirs.dag_id, theirs.run, theirs.task_id, theirs.map_index) == (
            *(ours.dag_id, ours.run),
            *(ours.task_id, ours.map_index),
        ):
            self._store.list_rows.called(row.id, placed.ref)
        else:
            self._store.list_rows.done(row.id, "already_called", placed.ref)

    def _nap(self, refused: refusals.CallWaitsError | None) -> Nap | None:
        rows, now = self._store.list_rows, datetime.now(UTC)
        due, busy = rows.next_due(self._list_id), rows.count_open(self._list_id)
        if due is None and not busy:
            return None
        times = [now + _LONGEST_NAP, rows.next_deadline(self._list_id), self._progress.give_up_at]
        if refused is not None:
            times.append(refused.until)
        elif due is not None and busy < self._max_in_flight:
            times.append(due)
        # Worth a worker: a good part of the lines, or all that is left.
        lines = min(busy, max(1, self._max_in_flight // 4)) if due is not None else busy
        until = min(time for time in times if time is not None)
        return Nap(until, lines, None if refused is None else refused.hold_id)


class _Crew:
    """Threads that dial rows, each one row at a time. What stops one of them stops the others too.

    :param dial: gives what stops all rows for now, if anything does.
    """

    def __init__(self, hands: int, dial: Callable[[ListRow], refusals.CallWaitsError | None]) -> None:
        self._pool = ThreadPoolExecutor(hands, "voiceinfra-list")
        self._hands = hands
        self._dial = dial
        self._change = Condition()
        self._error: BaseException | None = None
        self.refusal: refusals.CallWaitsError | None = None
        self.stopped = False
        self.in_hands: set[int] = set()

    def __enter__(self) -> _Crew:
        return self

    def __exit__(self, *_: object) -> None:
        # Whatever happened, nobody begins another row.
        self.stopped = True
        self._pool.shutdown()

    def hand_out(self, row: ListRow) -> None:
        """Have a row dialled, as soon as somebody is free."""
        with self._change:
            self._change.wait_for(lambda: len(self.in_hands) < self._hands)
            self.in_hands.add(row.id)
        self._pool.submit(self._work, row)

    def wait(self, seconds: float) -> None:
        """Wait until somebody is free who was not, for some seconds at most."""
        with self._change:
            busy = len(self.in_hands)
            self._change.wait_for(lambda: len(self.in_hands) < busy, seconds)

    def is_idle(self) -> bool:
        """Tell whether nobody has a row."""
        return not self.in_hands

    def check(self) -> None:
        """Raise what dialling a row has raised."""
        if self._error is not None:
            raise self._error

    def _work(self, row: ListRow) -> None:
        try:
            refusal = None if self.stopped else self._dial(row)
            self._stop(refusal=refusal)
        except BaseException as error:  # noqa: BLE001 - it is raised where the list is run
            self._stop(error)
        finally:
            with self._change:
                self.in_hands.discard(row.id)
                self._change.notify()

    def _stop(self, error: BaseException | None = None, refusal: refusals.CallWaitsError | None = None) -> None:
        self._error, self.refusal = self._error or error, self.refusal or refusal
        self.stopped = self.stopped or error is not None or refusal is not None
