"""A list's calls as one stream: what the store is asked for many of them is one transaction."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from airflow_provider_voiceinfra.calls import errors, refusals
from airflow_provider_voiceinfra.calls.crew import Crew
from airflow_provider_voiceinfra.calls.dialing import Dialer
from airflow_provider_voiceinfra.calls.intent import CallIntent
from airflow_provider_voiceinfra.calls.list_rows import DUE_AGAIN
from airflow_provider_voiceinfra.calls.sending import Dial
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.claims import AtFence
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.list_rows import ListRow
from airflow_provider_voiceinfra.store.records import Call, CallState, Claim, Held, Source
from airflow_provider_voiceinfra.store.rules import Fence, Refused, Rule

log = logging.getLogger(__name__)

POSTS = 50
"""At a time at most, however many lines there are."""
_WHOLE_LIST = frozenset({Rule.HOLD, Rule.PER_DAY, Rule.IN_FLIGHT, Rule.PACE})
"""Rules that let no other row of the list through either."""


class ListStoppedError(errors.VoiceInfraError):
    """The list cannot go on: every call of it would be refused. Its rows stay as they are."""


@dataclass(frozen=True, slots=True)
class _Claimed:
    """A row whose call we hold the claim on."""

    row: ListRow
    dial: Dial
    fence: Fence | None = None


_Answer = tuple[_Claimed, str | BaseException | None]


class Stream:
    """Dials rows: claims some ahead, lets as many pass the fence as can be sent at once, and records the answers.

    One thread talks to the store, the others to VoiceInfra. What stops one row may stop all: no other is begun then.

    :param posts: how many are sent at a time.
    """

    def __init__(
        self,
        store: CallStore,
        dialer: Dialer,
        source: Source,
        intent: Callable[[ListRow], CallIntent],
        *,
        posts: int,
    ) -> None:
        self._store = store
        self._dialer = dialer
        self._source = source
        self._intent = intent
        self._posts = posts
        # Claimed, and not given to the crew: of these, no byte was sent.
        self._ready: deque[_Claimed] = deque()
        # What the store was not told yet.
        self._answers: list[_Answer] = []
        self._crew = Crew(posts, self._send)
        self._error: BaseException | None = None
        self.refusal: refusals.CallWaitsError | None = None
        self.in_hands: set[int] = set()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        """Begin nothing more, whatever happened, and lose no answer."""
        with contextlib.suppress(StoreError):
            self._let_go()
        self._ready.clear()
        self._answers += self._crew.close()
        self._advance()

    def is_idle(self) -> bool:
        """Tell whether no row is in hands; raises what has stopped the list, if anything has."""
        if not self.in_hands and self._error is not None:
            raise self._error
        return not self.in_hands

    def wants_more(self) -> bool:
        """Tell whether rows should be claimed ahead."""
        return not self._stopped and len(self._ready) < self._posts // 2 + 1

    def go_on(self, rows: Sequence[ListRow], wait: float) -> None:
        """Claim rows, and do what there is to do.

        :param wait: seconds to wait for an answer, where there is nothing else to do.
        """
        self._answers += self._crew.take(0 if rows or self._may_send() else wait)
        self._advance()
        self._claim(rows)

    @property
    def _stopped(self) -> bool:
        return self.refusal is not None or self._error is not None

    def _may_send(self) -> bool:
        return bool(self._ready) and self._crew.busy < self._posts

    def _claim(self, rows: Sequence[ListRow]) -> None:
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

    def _met(self, row: ListRow, intent: CallIntent, held: Held) -> None:
        """Note whose call it is that the row's key has placed before."""
        try:
            self._found(row, self._dialer.earlier(intent, held, settle_wait=0))
        except errors.VoiceInfraError as error:
            self._ended(row, error)

    def _advance(self) -> None:
        """Record what VoiceInfra said, and let as many pass the fence as can be sent.

        Wherever this is stopped, what is ready was not sent, and what is among the answers can be recorded again.
        """
        if self._stopped:
            self._let_go()
        going = list(islice(self._ready, self._posts - self._crew.busy))
        passed = self._record(going)
        answers, self._answers = self._answers, []
        for _, its in zip(going, passed, strict=True):
            # Not ready any more before the crew has it: it might be sent from then on.
            self._passed(self._ready.popleft(), its)
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
            self._crew.give(_Claimed(each.row, each.dial, passed))
        elif isinstance(passed, Refused):
            self._ended(each.row, self._dialer.refusal(passed))
        else:
            self._judged(each)

    def _let_go(self) -> None:
        """Give back what was claimed and is not sent after all; it is due again at once.

        What is not ours any more stays with whoever judged it.
        """
        while self._ready:
            each = self._ready[0]
            if self._store.claims.release(each.dial.claim, "the list was stopped"):
                self._store.list_rows.wait(each.row, datetime.now(UTC))
            self._ready.popleft()
            self.in_hands.discard(each.row.id)

    def _judged(self, each: _Claimed) -> None:
        """Note what somebody else has made of a claim that is not ours any more."""
        try:
            self._found(each.row, self._dialer.judged(each.dial.claim))
        except errors.VoiceInfraError as error:
            self._ended(each.row, error)

    def _send(self, each: _Claimed) -> str | None:
        return self._dialer.sender.send(each.dial, each.fence)

    def _answered(self, each: _Claimed, answer: str | BaseException | None) -> None:
        if isinstance(answer, BaseException):
            self._ended(each.row, answer)
        elif answer is None:
            self._judged(each)
        else:
            self.in_hands.discard(each.row.id)

    def _found(self, row: ListRow, call: Call | None) -> None:
        self.in_hands.discard(row.id)
        if call is None:
            # Its key is free by now: it is due still.
            return
        theirs, ours = call.source, self._source
        if (theirs.dag_id, theirs.run, theirs.task_id, theirs.map_index) == (
            *(ours.dag_id, ours.run),
            *(ours.task_id, ours.map_index),
        ):
            self._store.list_rows.called(row, call.ref)
        else:
            self._store.list_rows.done(row, "already_called", call.ref)

    def _ended(self, row: ListRow, error: BaseException) -> None:
        """Note what has become of a row that VoiceInfra has not taken; what the guard says, the store has noted."""
        self.in_hands.discard(row.id)
        rows, now = self._store.list_rows, datetime.now(UTC)
        match error:
            case refusals.CallWaitsError() if error.rule in _WHOLE_LIST:
                self.refusal = self.refusal or error
            case refusals.GuardError():
                pass
            case errors.CallUnknownError():
                rows.called(row, str(error.ref))
            case errors.KeyConflictError():
                rows.done(row, "already_called", str(error.ref))
            case errors.AuthenticationError() | errors.AgentNotFoundError():
                rows.wait(row, now)
                self._error = ListStoppedError(f"{error} The list stops here; its other rows were not dialled.")
            case errors.CallRejectedError():
                rows.done(row, CallState.REJECTED, str(error.ref))
            case errors.CallNotSentError():
                log.warning("%s", error)
                rows.wait(row, now + DUE_AGAIN)
            case _:
                self._error = self._error or error
