"""Waves: the rows of a call list are dialled while lines are free; then there is a time to come back."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event

from airflow_provider_voiceinfra.calls import errors, refusals
from airflow_provider_voiceinfra.calls.intent import CallIntent
from airflow_provider_voiceinfra.calls.redial import Redial
from airflow_provider_voiceinfra.calls.stop_when import StopWhen
from airflow_provider_voiceinfra.store.call_lists import ListRow, OpenCall
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.holds import Scope
from airflow_provider_voiceinfra.store.records import REFUSED, Call, CallState, Source
from airflow_provider_voiceinfra.store.rules import Rule

log = logging.getLogger(__name__)

_PARALLEL = 50
"""POSTs at a time at most, however many lines there are."""
_AT_ONCE = 500
"""Rows that are dialled before it is looked again what became of the others."""
_LONGEST_NAP = timedelta(minutes=10)
_AGAIN = timedelta(seconds=60)
"""After which a row of which nothing was sent is due again."""
NOT_REACHED = frozenset({"failed", "rejected", "overdue", "unknown"})
"""Results of rows that count as failed."""
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

    :param place: places a call, as :meth:`~airflow_provider_voiceinfra.calls.dialing.Dialer.place` does.
    :param intent: gives the call that a row asks for.
    :param max_in_flight: calls of the list that may be going on at a time.
    :param stop_when: when the list puts itself on hold.
    """

    def __init__(
        self,
        store: CallStore,
        place: Callable[..., Call],
        list_id: str,
        source: Source,
        intent: Callable[[ListRow], CallIntent],
        *,
        max_in_flight: int,
        redial: Redial | None = None,
        stop_when: StopWhen | None = None,
    ) -> None:
        self._store = store
        self._place = place
        self._list_id = list_id
        self._source = source
        self._intent = intent
        self._max_in_flight = max_in_flight
        self._redial = redial
        self._stop_when = stop_when or StopWhen()
        # What stops one row stops the others too.
        self._stopped = Event()

    def run(self) -> Nap | None:
        """Dial while lines are free and rows are due.

        :return: when to come back; None where every row has its end state.
        :raises ListStoppedError: if no call of the list can be placed.
        """
        with ThreadPoolExecutor(min(self._max_in_flight, _PARALLEL), "voiceinfra-list") as pool:
            while True:
                busy = self._settle()
                self._stop_if_broken()
                now = datetime.now(UTC)
                rows = self._store.lists.due(self._list_id, now, min(self._max_in_flight - busy, _AT_ONCE))
                if not rows:
                    return self._nap(now, busy)
                self._stopped.clear()
                refused = [error for error in pool.map(self._dial_unless_stopped, rows) if error is not None]
                if refused:
                    return self._nap(now, len(self._store.lists.open_calls(self._list_id)), refused[0])

    def _stop_if_broken(self) -> None:
        why = self._stop_when.reason(self._store, self._list_id)
        if why is None or self._is_held():
            return
        self._stop_when.stop(self._store, self._list_id, why)
        log.error(
            "List %s is on hold, because %s. See what is wrong; then `airflow voiceinfra release --list %s` lets it go "
            "on, or cancels it.",
            *(self._list_id, why, self._list_id),
        )

    def _is_held(self) -> bool:
        held = self._store.holds.in_force()
        return any((each.scope, each.name) == (Scope.LIST, self._list_id) for each in held)

    def _settle(self) -> int:
        """Note what became of the calls that were going on.

        :return: how many still are.
        """
        open_calls = self._store.lists.open_calls(self._list_id)
        being_placed = [each.ref for each in open_calls if each.state == CallState.CLAIMED]
        if being_placed:
            # By a worker that was killed, perhaps.
            self._store.claims.settled(being_placed)
        return sum(not self._ended(each) for each in open_calls)

    def _ended(self, call: OpenCall) -> bool:
        lists, late = self._store.lists, call.deadline < datetime.now(UTC)
        if call.state == CallState.COMPLETED:
            self._completed(call)
        elif call.state in {CallState.RELEASED, CallState.NOT_PLACED, CallState.WAITING}:
            lists.wait(call.row_id, datetime.now(UTC) + _AGAIN)
        elif call.state == CallState.QUEUED and late and call.call_id is not None:
            self._store.claims.record_overdue(call.call_id)
            lists.done(call.row_id, CallState.OVERDUE)
        elif call.state in {CallState.REJECTED, CallState.OVERDUE, *REFUSED} or (
            call.state == CallState.UNKNOWN and late
        ):
            lists.done(call.row_id, call.state)
        else:
            return False
        return True

    def _completed(self, call: OpenCall) -> None:
        redial, outcome = self._redial, str(call.outcome)
        if redial is None or outcome not in redial.outcomes or call.attempt >= redial.attempts:
            self._store.lists.done(call.row_id, outcome)
            return
        ended = call.completed_at or datetime.now(UTC)
        self._store.lists.wait(call.row_id, ended + redial.wait, attempt=call.attempt + 1)

    def _dial_unless_stopped(self, row: ListRow) -> refusals.CallWaitsError | None:
        if self._stopped.is_set():
            return None
        stops = True
        try:
            refused = self._dial(row)
            stops = refused is not None
        finally:
            if stops:
                self._stopped.set()
        return refused

    def _dial(self, row: ListRow) -> refusals.CallWaitsError | None:
        """Dial one row.

        :return: what stops the whole list for now, if anything does.
        """
        lists = self._store.lists
        try:
            call = self._place(self._intent(row), settle_wait=0)
        except errors.CallUnknownError as error:
            lists.called(row.id, str(error.ref))
        except errors.KeyConflictError as error:
            lists.done(row.id, "already_called", error.ref)
        except refusals.CallWaitsError as error:
            lists.wait(row.id, error.until or datetime.now(UTC))
            return error if error.rule in _WHOLE_LIST else None
        except refusals.CallRefusedError as error:
            lists.done(row.id, str(error.rule.state), error.ref)
        except (errors.AuthenticationError, errors.AgentNotFoundError) as error:
            raise ListStoppedError(f"{error} The list stops here; its other rows were not dialled.") from error
        except errors.CallRejectedError as error:
            lists.done(row.id, CallState.REJECTED, error.ref)
        except errors.CallNotSentError as error:
            log.warning("%s", error)
            lists.wait(row.id, datetime.now(UTC) + _AGAIN)
        else:
            self._placed(row, call)
        return None

    def _placed(self, row: ListRow, call: Call) -> None:
        source = call.source
        ours = (source.dag_id, source.run, source.task_id, source.map_index)
        if ours == (self._source.dag_id, self._source.run, self._source.task_id, self._source.map_index):
            self._store.lists.called(row.id, call.ref)
        else:
            self._store.lists.done(row.id, "already_called", call.ref)

    def _nap(self, now: datetime, busy: int, refused: refusals.CallWaitsError | None = None) -> Nap | None:
        due = self._store.lists.next_due(self._list_id)
        if due is None and not busy:
            return None
        deadlines = [each.deadline for each in self._store.lists.open_calls(self._list_id)]
        times = [now + _LONGEST_NAP, *deadlines]
        if refused is not None:
            times.append(refused.until or times[0])
        elif due is not None and busy < self._max_in_flight:
            times.append(due)
        # Worth a worker: a good part of the lines, or all that is left.
        lines = min(busy, max(1, self._max_in_flight // 4)) if due is not None else busy
        return Nap(min(times), lines, None if refused is None else refused.hold_id)
