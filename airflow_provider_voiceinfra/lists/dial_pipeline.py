"""Dials the rows of a list as a pipeline: many calls share each transaction of the call store."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from itertools import islice

from airflow_provider_voiceinfra import errors
from airflow_provider_voiceinfra.calls.call_intent import CallIntent
from airflow_provider_voiceinfra.calls.dialing import Dialer
from airflow_provider_voiceinfra.calls.send_gate import ClaimedCall
from airflow_provider_voiceinfra.calls.stop import CHECK_INTERVAL, StopFlag
from airflow_provider_voiceinfra.guard.errors import CallDeferredError
from airflow_provider_voiceinfra.lists.backoff import ListBackoff
from airflow_provider_voiceinfra.lists.row_results import RowResults
from airflow_provider_voiceinfra.lists.sender_pool import ClaimedRow, SenderPool, SendResult
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.claims.results import Claim, PermitResult
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.lists.row_values import DueRow
from airflow_provider_voiceinfra.store.models import Call, Source

log = logging.getLogger(__name__)

POSTS = 50
"""Maximum number of POSTs at a time."""
# Seconds for which results are gathered, while enough rows wait for their send slots.
_GATHER_TIME = 0.05
# Seconds between two attempts to record answers while the list ends and the store is unavailable.
_ANSWER_INTERVAL = 1.0


class DialPipeline:
    """Claims rows ahead, requests as many send permits as can be used at once, and records the answers.

    One thread uses the store, the others send. What stops one row may stop the list: then no other row begins.

    :param posts: maximum number of rows that are sent at a time.
    :param slots_ahead: maximum number of rows that wait for their send slots; None if there is no rate.
    :param stop: set when no other row may begin.
    """

    def __init__(
        self,
        store: CallStore,
        dialer: Dialer,
        source: Source,
        intent: Callable[[DueRow], CallIntent],
        *,
        posts: int,
        slots_ahead: int | None = None,
        stop: StopFlag,
        backoff: ListBackoff,
    ) -> None:
        self._store = store
        self._dialer = dialer
        self._intent = intent
        self._posts = posts
        self._slots_ahead = slots_ahead
        self._stop = stop
        self._backoff = backoff
        self._rows = RowResults(store, source)
        # Claimed, and not submitted to the senders: no byte of these was sent.
        self._ready: deque[ClaimedRow] = deque()
        # Not recorded yet.
        self._results: list[SendResult] = []
        self._senders = SenderPool(posts, dialer.sender, stop)
        self.active_rows: set[int] = set()

    def __enter__(self) -> DialPipeline:
        return self

    def __exit__(self, *_: object) -> None:
        """Begin nothing more, and record each answer as it arrives, because this process may be killed soon."""
        self._rows.error = self._rows.error or errors.CallStoppedError()
        try:
            with contextlib.suppress(StoreError):
                self._release_unsent()
            self._ready.clear()
            while self._senders.busy:
                self._take_results(_ANSWER_INTERVAL)
                with contextlib.suppress(StoreError):
                    self._record_and_send()
            self._record_and_send()
        finally:
            self._senders.close()

    @property
    def deferral(self) -> CallDeferredError | None:
        """Why the guard defers every row at the moment, if it does."""
        return self._rows.deferral

    @property
    def batch(self) -> int:
        """How many rows to claim together: as many as may be sent at a time, and have send slots soon."""
        return self._lines if self._slots_ahead is None else min(self._lines, self._slots_ahead)

    def is_idle(self) -> bool:
        """Return whether no row is active; if none is, raise the error that has ended the list, if any."""
        if not self.active_rows and self._rows.error is not None:
            raise self._rows.error
        return not self.active_rows

    def wants_more(self) -> bool:
        """Return whether rows should be claimed ahead."""
        return not self._is_over and not self._backoff.left() and len(self._ready) < self.batch // 2 + 1

    def advance(self, rows: Sequence[DueRow], wait: float) -> None:
        """Record answers, send rows, and claim new ones.

        :param wait: seconds to wait for an answer if there is nothing else to do.
        """
        self._take_results(0)
        self._wait_for_work(time.monotonic() + (0 if rows else wait))
        self._record_and_send()
        self._claim(rows)

    def _wait_for_work(self, until: float) -> None:
        """Wait until something can be recorded or sent; then gather more, which is cheaper in one transaction."""
        while self._senders.busy and not (self._results or self._can_send() or self._stop.is_set):
            if not self._take_until(until):
                return
        until = min(until, time.monotonic() + _GATHER_TIME)
        while self._has_slots_left and not self._stop.is_set and self._take_until(until):
            pass

    def _take_until(self, end: float) -> bool:
        """Take results as they arrive; return False at the end of the time."""
        left = end - time.monotonic()
        self._take_results(min(max(0.0, left), CHECK_INTERVAL))
        return left > 0

    @property
    def _lines(self) -> int:
        """How many calls may be sent at a time."""
        return 1 if self._backoff.is_careful else self._posts

    @property
    def _has_slots_left(self) -> bool:
        """Whether enough rows wait for their send slots, so that there is time to gather results."""
        return self._slots_ahead is not None and self._senders.waiting > self._slots_ahead // 10

    @property
    def _is_over(self) -> bool:
        return self._rows.stop_list or self._stop.is_set

    def _can_send(self) -> int:
        """Return how many rows may get a send permit now."""
        free = self._lines - self._senders.busy
        if self._slots_ahead is not None:
            free = min(free, self._slots_ahead - self._senders.waiting)
        return min(len(self._ready), max(0, free))

    def _take_results(self, wait: float) -> None:
        """Take results from the senders; rows whose gate was closed were released before."""
        for result in self._senders.results(wait):
            self._results.append(result)

    def _claim(self, rows: Sequence[DueRow]) -> None:
        if not rows:
            return
        intents = [self._intent(row) for row in rows]
        requests = [self._dialer.claim_request(intent) for intent in intents]
        self.active_rows.update(row.id for row in rows)
        results = self._store.claims.take_all(requests)
        for row, intent, result in zip(rows, intents, results, strict=True):
            if result.claim is not None:
                self._ready.append(ClaimedRow(row, ClaimedCall(result.claim, intent.request)))
            elif result.denied is not None:
                self._failed(row, self._dialer.guard_error(result.denied))
            elif result.conflict is not None:
                self._found(row, partial(self._dialer.conflicting_calls.find, intent, result.conflict, 0, self._stop))

    def _record_and_send(self) -> None:
        """Record the answers, and send as many rows as possible.

        Wherever this is stopped, rows in ``_ready`` were not sent, and those in ``_results`` can be recorded again.
        """
        if self._is_over or self._backoff.left():
            self._release_unsent()
        going = list(islice(self._ready, self._can_send()))
        permits = self._record_and_permit([each.call.claim for each in going])
        results, self._results = self._results, []
        for claimed, permit in zip(going, permits, strict=True):
            self._send(claimed, permit)
            self._ready.popleft()
        self._release_not_sent([result for result in results if result.was_not_sent])
        for result in results:
            if not result.was_not_sent:
                self._answered(result)

    def _record_and_permit(self, claims: Sequence[Claim]) -> list[PermitResult]:
        answers = [(each.claimed.call.claim, each.call_id) for each in self._results if each.call_id is not None]
        if not answers and not claims:
            return []
        try:
            permits = self._dialer.recorder.insist(lambda: self._store.claims.record_and_permit(answers, claims))
        except StoreError:
            for claim, call_id in answers:
                log.error("Call %s is queued as %s, which could not be recorded in the call store.", claim.ref, call_id)
            raise
        if answers:
            self._dialer.count_placed(len(answers))
        return permits

    def _send(self, claimed: ClaimedRow, result: PermitResult) -> None:
        if result.permit is not None:
            self._senders.submit(claimed, result.permit)
        elif result.denied is not None:
            self._failed(claimed.row, self._dialer.guard_error(result.denied))
        else:
            self._taken_over(claimed)

    def _release_unsent(self) -> None:
        """Release claimed rows that are not sent after all; they are due again at once."""
        # Also after a stop in between: rows that the senders have are released only through their gates.
        ready = [each for each in self._ready if not self._senders.is_sending(each)]
        self._release([*ready, *self._senders.close_gates()], None)
        self._ready.clear()

    def _release_not_sent(self, results: Sequence[SendResult]) -> None:
        """Release the rows that VoiceInfra did not accept; the whole list waits for as long as it asks."""
        for result in results:
            error = result.error
            if isinstance(error, errors.CallNotSentError) and not isinstance(error, errors.CallStoppedError):
                self._backoff.failed(error)
        self._release([result.claimed for result in results], self._backoff.resume_at)

    def _release(self, rows: Sequence[ClaimedRow], due_at: datetime | None) -> None:
        """Release claims that are still ours."""
        if rows:
            claims = [(each.call.claim, each.row) for each in rows]
            self._store.claims.release_all(claims, "nothing was sent", due_at)
        for each in rows:
            self._senders.forget(each)
            self.active_rows.discard(each.row.id)

    def _answered(self, result: SendResult) -> None:
        row, error = result.claimed.row, result.error
        if error is None or isinstance(error, errors.CallRejectedError):
            self._backoff.succeeded()
        if error is None:
            self.active_rows.discard(row.id)
        elif isinstance(error, errors.ClaimLostError):
            self._taken_over(result.claimed)
        else:
            self._failed(row, error)

    def _taken_over(self, claimed: ClaimedRow) -> None:
        self._found(claimed.row, partial(self._dialer.taken_over, claimed.call.claim))

    def _found(self, row: DueRow, find: Callable[[], Call | None]) -> None:
        """Record the earlier call with the row's key, as far as it is known."""
        try:
            call = find()
        except errors.VoiceInfraError as error:
            self._failed(row, error)
            return
        self.active_rows.discard(row.id)
        # Without one, the key is free by now, and the row is still due.
        if call is not None:
            self._rows.found(row, call)

    def _failed(self, row: DueRow, error: BaseException) -> None:
        self.active_rows.discard(row.id)
        self._rows.failed(row, error)
