"""How a call is placed at most once: claim, fence, POST, record."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Semaphore
from typing import Any

from airflow_provider_voiceinfra.calls.account import Account
from airflow_provider_voiceinfra.calls.api import VoiceInfraApi
from airflow_provider_voiceinfra.calls.errors import (
    AnswerUnknownError,
    CallNotSentError,
    CallRejectedError,
    CallUnknownError,
    KeyConflictError,
    TooLateToSendError,
)
from airflow_provider_voiceinfra.calls.guard import rules_for
from airflow_provider_voiceinfra.calls.intent import CallIntent
from airflow_provider_voiceinfra.calls.numbers import mask
from airflow_provider_voiceinfra.calls.refusals import GuardError, error_of
from airflow_provider_voiceinfra.calls.request import CallRequest
from airflow_provider_voiceinfra.calls.retry import Backoff, RetryPolicy
from airflow_provider_voiceinfra.calls.transport import SendTime
from airflow_provider_voiceinfra.store.budget import TURN_LENGTH
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.claims import CLAIM_LIFETIME, Claims
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.grouped import grouped
from airflow_provider_voiceinfra.store.records import REFUSED, Call, CallState, Claim, HeldBy, NewCall
from airflow_provider_voiceinfra.store.rules import Fence, Refused, Rules

log = logging.getLogger(__name__)

RECORD_DEADLINE = 60.0
"""Seconds for which an answer is tried to be recorded while the store does not answer."""

_ANSWER_TIME = timedelta(seconds=45)
"""What is left of a claim when the first byte is written: enough to wait for the answer and to read it."""

SETTLE_WAIT = CLAIM_LIFETIME.total_seconds() + 5
"""Seconds after which another's claim is judged at the latest."""

_CONNECT_TIME = timedelta(milliseconds=500)
"""How long before its turn a POST's connection is made."""

_MISSED_TURNS = 8
"""How many turns, each twice as long as the one before, a busy machine may miss before it has to try again later."""

KEY_IS_FREE = REFUSED | {CallState.RELEASED, CallState.REJECTED, CallState.NOT_PLACED, CallState.WAITING}
"""States of calls that were not placed, and may be claimed anew."""

_ELSEWHERE = {
    HeldBy.MAP_INDEX: "another map index of this task and run calls the same number with another request",
    HeldBy.RETRY: "an earlier try of this task called another number, and a retry must not call a second person",
}


@dataclass(frozen=True, slots=True)
class _Dial:
    """A call that we hold the claim on."""

    claim: Claim
    request: CallRequest
    new: NewCall
    rules: Rules


@dataclass(frozen=True, slots=True)
class Placed:
    """A call that VoiceInfra has taken.

    :param earlier: the call, where it was placed before.
    """

    ref: str
    earlier: Call | None = None


class Dialer:
    """Places calls for one account; the call store decides whether a POST may be sent.

    :param retry: for requests that VoiceInfra did not take.
    :param record_deadline: seconds to try to record an answer while the store does not answer.
    :param on_refused: is told what the guard does not let be dialled.
    """

    def __init__(
        self,
        store: CallStore,
        account: Account,
        *,
        api: VoiceInfraApi | None = None,
        retry: RetryPolicy | None = None,
        record_deadline: float = RECORD_DEADLINE,
        on_refused: Callable[[GuardError], object] | None = None,
    ) -> None:
        self._store = store
        self._claims: Claims = store.claims
        self._line: AbstractContextManager[Any] = nullcontext()
        self._level = logging.INFO
        self._account = account
        self._api = api or VoiceInfraApi(account)
        self._retry = retry or RetryPolicy()
        self._record_deadline = record_deadline
        self._on_refused = on_refused or _ignore

    @contextmanager
    def for_many(self, posts: int) -> Iterator[Dialer]:
        """Give a dialer to many threads, until the block ends: what they ask the store together is one transaction.

        :param posts: how many of them may send at a time.
        """
        with grouped(self._store.claims) as claims:
            yield _ForMany(self, claims, posts)

    def place(
        self,
        intent: CallIntent,
        *,
        on_call_id: Callable[[str], None] | None = None,
        settle_wait: float = SETTLE_WAIT,
    ) -> Call:
        """Place the call, or find the one that the key has placed already.

        :param on_call_id: is told the ``call_id`` the moment it is known, before the store.
        :param settle_wait: seconds to wait here while another task or try is placing the call.
        :return: a call that VoiceInfra has taken.
        :raises CallWaitsError: the guard does not let it be dialled yet; ask again later.
        :raises CallRefusedError: the guard refuses it for good.
        :raises CallNotSentError: nothing was sent; the key is free for a later try.
        :raises CallRejectedError: VoiceInfra refused; the key is free for a mended request.
        :raises CallUnknownError: it may have been placed, now or by an earlier try.
        :raises KeyConflictError: the key belongs to a call that asked for something else.
        :raises StoreError: the store cannot be used.
        """
        placed = self.dial(intent, on_call_id=on_call_id, settle_wait=settle_wait)
        return placed.earlier or self._get(placed.ref)

    def dial(
        self,
        intent: CallIntent,
        *,
        on_call_id: Callable[[str], None] | None = None,
        settle_wait: float = SETTLE_WAIT,
    ) -> Placed:
        """Do as :meth:`place` does, and read a call only where it was placed before."""
        new, tell = intent.new_call(self._account), on_call_id or _ignore
        rules = rules_for(self._account.limits, intent.wishes, new.to_number)
        try:
            while True:
                taken = self._claims.take(new, rules)
                if isinstance(taken, Refused):
                    raise error_of(taken)
                if isinstance(taken, Claim):
                    return self._dial(_Dial(taken, intent.request, new, rules), tell)
                call = self._settled(taken.ref, settle_wait)
                if call.state in KEY_IS_FREE:
                    continue
                self._check_same(call, intent, taken.reason)
                return self._taken(call, tell)
        except GuardError as error:
            self._on_refused(error)
            raise

    def _dial(self, dial: _Dial, on_call_id: Callable[[str], None]) -> Placed:
        backoff, claim, request = Backoff(self._retry), dial.claim, dial.request
        missed_turns = 0
        while True:
            try:
                with self._line:
                    call_id = self._send(dial, missed_turns)
            except CallNotSentError as error:
                if isinstance(error, TooLateToSendError) and missed_turns < _MISSED_TURNS:
                    missed_turns += 1
                    continue
                error.ref = claim.ref
                pause = backoff.pause(error.retry_after)
                if pause is None:
                    self._record(lambda: self._claims.release(claim, "nothing was sent"))
                    raise
                log.warning("%s Trying again in %.1f s.", error, pause)
                self._sleep(claim, pause)
            else:
                break
        if call_id is None:
            return self._taken(self._get(claim.ref), on_call_id)
        log.log(self._level, "Call %s to %s is queued as %s.", claim.ref, mask(request.to_number), call_id)
        try:
            on_call_id(call_id)
        finally:
            # Whoever could not be told, and however it is stopped: the answer is not lost.
            self._record(lambda: self._claims.record_queued(claim, call_id))
        return Placed(claim.ref)

    def _send(self, dial: _Dial, missed_turns: int) -> str | None:
        """Pass the fence, and send the POST.

        :return: the ``call_id``; None where the claim is not ours any more, and nothing was sent.
        """
        send_time = self._fence(dial, missed_turns)
        return None if send_time is None else self._post(dial.claim, dial.request, send_time)

    def _fence(self, dial: _Dial, missed_turns: int) -> SendTime | None:
        """Pass the fence.

        :return: when the POST may begin to be sent; None where the claim is not ours any more.
        :raises GuardError: if the guard has changed its mind since the claim.
        """
        # Whoever is too slow for a turn gets a longer one, at the cost of the others: so that it comes to its end.
        fence = self._pass_fence(dial, TURN_LENGTH * 2**missed_turns)
        if fence is None:
            return None
        if isinstance(fence, Refused):
            raise error_of(fence)
        turn = fence.send_at
        if turn is not None:
            # The rest of the time is waited for with the connection made.
            self._sleep(dial.claim, max(0.0, (turn - _CONNECT_TIME - datetime.now(UTC)).total_seconds()))
        closes = dial.rules.closes_at(datetime.now(UTC))
        ends = (fence.until - _ANSWER_TIME, fence.send_by, closes, dial.rules.not_after)
        return SendTime(turn, min(filter(None, ends)))

    def _pass_fence(self, dial: _Dial, turn_length: timedelta) -> Fence | Refused | None:
        claim = dial.claim
        try:
            return self._claims.fence(claim, dial.new, dial.rules, turn_length=turn_length)
        except StoreError:
            # Nothing was sent: let a later try dial, if the store can still be told.
            self._record(lambda: self._claims.release(claim, "the store was away"))
            raise
        except BaseException:
            with contextlib.suppress(StoreError):
                self._claims.release(claim, "it was stopped before dialling")
            raise

    def _post(self, claim: Claim, request: CallRequest, send_time: SendTime) -> str:
        try:
            return self._api.place_call(request, send_time=send_time)
        except CallNotSentError:
            raise
        except CallRejectedError as error:
            error.ref, code, message = claim.ref, error.code, error.message
            self._record(lambda: self._claims.record_rejected(claim, code, message))
            raise
        except AnswerUnknownError as error:
            why = str(error)
            self._record(lambda: self._claims.record_unknown(claim, why))
            raise CallUnknownError(claim.ref, why) from None
        except BaseException:
            # Stopped in the middle of the POST: by a timeout of the task, or by the worker's end.
            with contextlib.suppress(StoreError):
                self._claims.record_unknown(claim, "it was stopped while dialling")
            raise

    def _sleep(self, claim: Claim, seconds: float) -> None:
        try:
            time.sleep(seconds)
        except BaseException:
            with contextlib.suppress(StoreError):
                self._claims.release(claim, "it was stopped between two attempts")
            raise

    def _record(self, write: Callable[[], object]) -> None:
        end = time.monotonic() + self._record_deadline
        while True:
            try:
                write()
            except StoreError:
                if time.monotonic() > end:
                    raise
                log.warning("The call store does not answer; trying to record what VoiceInfra said.")
                time.sleep(1.0)
            except BaseException:
                # Stopped while writing: what is known is written all the same.
                with contextlib.suppress(StoreError):
                    write()
                raise
            else:
                return

    def _settled(self, ref: str, seconds: float) -> Call:
        """Wait while another's claim may still lead to a POST or to its answer."""
        end = time.monotonic() + seconds
        while True:
            call = self._get(ref)
            if call.state != CallState.CLAIMED or time.monotonic() > end:
                return call
            left = (call.claim_expires_at - datetime.now(UTC)).total_seconds()
            if left < 0:
                self._claims.expire(ref)
                continue
            log.info("Call %s is being placed by another task or try; waiting for its answer.", ref)
            time.sleep(min(left + 0.1, 2.0))

    def _taken(self, call: Call, on_call_id: Callable[[str], None]) -> Placed:
        if call.call_id is None:
            raise CallUnknownError(call.ref, *_being_placed(call))
        log.log(self._level, "Call %s was placed already as %s (%s).", call.ref, call.call_id, call.state)
        on_call_id(call.call_id)
        return Placed(call.ref, call)

    def _check_same(self, call: Call, intent: CallIntent, reason: HeldBy) -> None:
        if not call.fingerprint:
            # Purged: nothing is left to compare with, and whoever has the key was called.
            return
        now = intent.request.fingerprint()
        fields = sorted(name for name in {*call.fingerprint, *now} if call.fingerprint.get(name) != now.get(name))
        if not fields:
            return
        names = ", ".join(fields)
        if reason == HeldBy.KEY and not intent.key.own:
            log.warning("Call %s was asked for with other values of %s; it stays as it was.", call.ref, names)
            return
        self._claims.record_refused(call.ref, reason, fields=names)
        raise KeyConflictError(call.ref, fields, why=_ELSEWHERE.get(reason, ""))

    def _get(self, ref: str) -> Call:
        call = self._store.calls.get(ref)
        assert call is not None  # noqa: S101 - rows of calls are never deleted
        return call


class _ForMany(Dialer):
    """The same for many threads; see :meth:`Dialer.for_many`."""

    def __init__(self, one: Dialer, claims: Claims, posts: int) -> None:
        self.__dict__.update(one.__dict__)
        self._claims, self._line = claims, Semaphore(posts)
        # A line in the log for each of thousands tells nobody anything.
        self._level = logging.DEBUG


def _being_placed(call: Call) -> tuple[str, ...]:
    return ("another task or try is placing it at this moment",) if call.state == CallState.CLAIMED else ()


def _ignore(_: object) -> None:
    pass
