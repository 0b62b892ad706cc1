"""A list's calls as one stream: what the store is asked for many of them is one transaction."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from airflow_provider_voiceinfra import errors
from airflow_provider_voiceinfra.calls.call_intent import CallIntent
from airflow_provider_voiceinfra.calls.dialing import Dialer
from airflow_provider_voiceinfra.calls.send_gate import Dial, SendGate
from airflow_provider_voiceinfra.calls.stop import CHECK_INTERVAL, StopFlag
from airflow_provider_voiceinfra.guard.errors import CallWaitsError, GuardError
from airflow_provider_voiceinfra.lists.backoff import ListBackoff
from airflow_provider_voiceinfra.lists.sender_pool import Crew
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.claims.claims import AtFence
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.guard.rules import Fence, Refused, Rule
from airflow_provider_voiceinfra.store.lists.list_rows import DueRow
from airflow_provider_voiceinfra.store.models import Call, CallState, Claim, Conflict, Source

log = logging.getLogger(__name__)

POSTS = 50
"""At a time at most, however many lines there are."""
_ANSWER_INTERVAL = 1.0
"""Seconds after which it is tried again to record answers that the store did not take, while the list ends."""
_WHOLE_LIST = frozenset({Rule.PAUSED, Rule.PER_DAY, Rule.IN_FLIGHT, Rule.PACE})
"""Rules that let no other row of the list through either."""


class ListStoppedError(errors.VoiceInfraError):
    """The list cannot go on: every call of it would be refused. Its rows stay as they are."""


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A row whose call we hold the claim on."""

    row: DueRow
    dial: Dial


@dataclass(frozen=True, slots=True)
class _Sending:
    """A claimed row that is with a thread, whose first byte may be written as long as its gate is not closed."""

    claimed: _Claimed
    gate: SendGate


_Answer = tuple[_Claimed, str | BaseException]


class Stream:
    """Dials rows: claims some ahead, gives as many of them a send permit as can be sent at once, records the answers.

    One thread talks to the store, the others to VoiceInfra. What stops one row may stop all: no other is begun then.

    :param posts: how many are sent at a time.
    :param stop: is set where no other is to begin.
    :param backoff: until when VoiceInfra takes none.
    """

    def __init__(
        self,
        store: CallStore,
        dialer: Dialer,
        source: Source,
        intent: Callable[[DueRow], CallIntent],
        *,
        posts: int,
        stop: StopFlag,
        backoff: ListBackoff,
    ) -> None:
        self._store = store
        self._dialer = dialer
        self._source = source
        self._intent = intent
        self._posts = posts
        self._stop = stop
        self._backoff = backoff
        # Claimed, and not given to the crew: of these, no byte was sent.
        self._ready: deque[_Claimed] = deque()
        # With the crew, by the claim's id.
        self._sending: dict[int, _Sending] = {}
        # What the store was not told yet.
        self._answers: list[_Answer] = []
        self._crew: Crew[_Sending, str] = Crew(posts, lambda each: dialer.sender.attempt(each.gate))
        self._error: BaseException | None = None
        self.refusal: CallWaitsError | None = None
        self.in_hands: set[int] = set()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        """Begin nothing more, whatever happened, and record each answer as it comes: this may be killed soon."""
        self._error = self._error or errors.CallStoppedError()
        try:
            with contextlib.suppress(StoreError):
                self._let_go()
            self._ready.clear()
            while self._sending:
                self._take(_ANSWER_INTERVAL)
                with contextlib.suppress(StoreError):
                    self._advance()
            self._advance()
        finally:
            self._crew.close()

    def is_idle(self) -> bool:
        """Tell whether no row is in hands; raises what has stopped the list, if anything has."""
        if not self.in_hands and self._error is not None:
            raise self._error
        return not self.in_hands

    def wants_more(self) -> bool:
        """Tell whether rows should be claimed ahead."""
        return not self._is_over and not self._backoff.left() and len(self._ready) < self.lines // 2 + 1

    def go_on(self, rows: Sequence[DueRow], wait: float) -> None:
        """Claim rows, and do what there is to do.

        :param wait: seconds to wait for an answer, where there is nothing else to do.
        """
        self._take(0)
        end = time.monotonic() + (0 if rows or self._may_send() else wait)
        while self._sending and not self._answers and not self._stop.is_set and (left := end - time.monotonic()) > 0:
            self._take(min(left, CHECK_INTERVAL))
        self._advance()
        self._claim(rows)

    @property
    def lines(self) -> int:
        """How many calls may be sent at a time."""
        return 1 if self._backoff.is_careful else self._posts

    @property
    def _is_over(self) -> bool:
        return self.refusal is not None or self._error is not None or self._stop.is_set

    def _may_send(self) -> bool:
        return bool(self._ready) and len(self._sending) < self.lines

    def _take(self, wait: float) -> None:
        """Take answers from the crew; those whose gate was closed were let go before."""
        for each, answer in self._crew.take(wait):
            if self._sending.pop(each.claimed.dial.claim.id, None) is not None:
                self._answers.append((each.claimed, answer))

    def _claim(self, rows: Sequence[DueRow]) -> None:
        intents = [self._intent(row) for row in rows]
        asked = [self._dialer.ask(intent) for intent in intents]
        self.in_hands.update(row.id for row in rows)
        taken = self._store.claims.take_all(asked) if rows else []
        for row, intent, its, met in zip(rows, intents, asked, taken, strict=True):
            if isinstance(met, Claim):
                self._ready.append(_Claimed(row, Dial(met, intent.request, its)))
            elif isinstance(met, Refused):
                self._ended(row, self._dialer.refusal(met))
            else:
                self._met(row, intent, met)

    def _met(self, row: DueRow, intent: CallIntent, conflict: Conflict) -> None:
        """Note whose call it is that the row's key has placed before."""
        try:
            self._found(row, self._dialer.earlier(intent, conflict, 0, self._stop))
        except errors.VoiceInfraError as error:
            self._ended(row, error)

    def _advance(self) -> None:
        """Record what VoiceInfra said, and let as many pass the fence as can be sent.

        Wherever this is stopped, what is ready was not sent, and what is among the answers can be recorded again.
        """
        if self._is_over or self._backoff.left():
            self._let_go()
        going = list(islice(self._ready, max(0, self.lines - len(self._sending))))
        passed = self._record(going)
        answers, self._answers = self._answers, []
        for each, its in zip(going, passed, strict=True):
            self._passed(each, its)
            self._ready.popleft()
        self._not_sent([pair for pair in answers if _was_not_sent(pair[1])])
        for each, answer in answers:
            self._answered(each, answer)

    def _record(self, going: Sequence[_Claimed]) -> list[Fence | Refused | None]:
        """Record the answers, and let these pass the fence, in one transaction."""
        queued = [(each.dial.claim, answer) for each, answer in self._answers if isinstance(answer, str)]
        at_fence = [AtFence(each.dial.claim, each.dial.asked.new, each.dial.asked.rules) for each in going]
        if not queued and not at_fence:
            return []
        try:
            passed = self._dialer.sender.insist(lambda: self._store.claims.advance(queued, at_fence))
        except StoreError:
            for claim, call_id in queued:
                log.error("Call %s is queued as %s, which the call store could not be told.", claim.ref, call_id)
            raise
        if queued:
            self._dialer.count(len(queued))
        return passed

    def _passed(self, each: _Claimed, passed: Fence | Refused | None) -> None:
        if isinstance(passed, Fence):
            sending = _Sending(each, self._dialer.sender.gate(each.dial, self._stop, passed))
            self._sending[each.dial.claim.id] = sending
            self._crew.give(sending)
        elif isinstance(passed, Refused):
            self._ended(each.row, self._dialer.refusal(passed))
        else:
            self._judged(each)

    def _let_go(self) -> None:
        """Give back what was claimed and is not sent after all; it is due again at once."""
        # Wherever this was stopped before: what is with the crew is let go by its gate only.
        ready = [each for each in self._ready if each.dial.claim.id not in self._sending]
        closed = [each.claimed for each in self._sending.values() if each.gate.close()]
        self._release([*ready, *closed], None)
        self._ready.clear()

    def _not_sent(self, answers: Sequence[_Answer]) -> None:
        """Give back what was not taken; the whole list waits for as long as VoiceInfra asks for."""
        for _, error in answers:
            if isinstance(error, errors.CallNotSentError) and not isinstance(error, errors.CallStoppedError):
                self._backoff.failed(error)
        self._release([each for each, _ in answers], self._backoff.resume_at)

    def _release(self, back: Sequence[_Claimed], due_at: datetime | None) -> None:
        """Release claims that are still ours."""
        if back:
            self._store.claims.release_all([(each.dial.claim, each.row) for each in back], "nothing was sent", due_at)
        for each in back:
            self._sending.pop(each.dial.claim.id, None)
            self.in_hands.discard(each.row.id)

    def _judged(self, each: _Claimed) -> None:
        """Note what somebody else has made of a claim that is not ours any more."""
        try:
            self._found(each.row, self._dialer.judged(each.dial.claim))
        except errors.VoiceInfraError as error:
            self._ended(each.row, error)

    def _answered(self, each: _Claimed, answer: str | BaseException) -> None:
        if _was_not_sent(answer):
            return
        if isinstance(answer, str | errors.CallRejectedError):
            self._backoff.succeeded()
        if isinstance(answer, errors.ClaimLostError):
            self._judged(each)
        elif isinstance(answer, BaseException):
            self._ended(each.row, answer)
        else:
            self.in_hands.discard(each.row.id)

    def _found(self, row: DueRow, call: Call | None) -> None:
        self.in_hands.discard(row.id)
        if call is None:
            # Its key is free by now: it is due still.
            return
        theirs, ours = call.source, self._source
        if (theirs.dag_id, theirs.run, theirs.task_id, theirs.map_index) == (
            ours.dag_id,
            ours.run,
            ours.task_id,
            ours.map_index,
        ):
            self._store.list_rows.called(row, call.ref)
        else:
            self._store.list_rows.done(row, "already_called", call.ref)

    def _ended(self, row: DueRow, error: BaseException) -> None:
        """Note what has become of a row that VoiceInfra has not taken; what the guard says, the store has noted."""
        self.in_hands.discard(row.id)
        rows, now = self._store.list_rows, self._store.database.clock.now()
        match error:
            case CallWaitsError() if error.rule in _WHOLE_LIST:
                self.refusal = self.refusal or error
            case GuardError():
                pass
            case errors.CallUnknownError():
                rows.called(row, str(error.ref))
            case errors.AuthenticationError() | errors.AgentNotFoundError() | errors.HostConflictError():
                rows.wait(row, now)
                self._error = ListStoppedError(f"{error} The list stops here; its other rows were not dialled.")
            case errors.KeyConflictError():
                rows.done(row, "already_called", str(error.ref))
            case errors.CallRejectedError():
                rows.done(row, CallState.REJECTED, str(error.ref))
            case _:
                self._error = self._error or error


def _was_not_sent(answer: str | BaseException) -> bool:
    return isinstance(answer, errors.CallNotSentError) and not isinstance(answer, errors.ClaimLostError)
