"""From a claim to VoiceInfra's answer: fence, POST, record, and again where nothing was sent."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from airflow_provider_voiceinfra.calls.api import VoiceInfraApi
from airflow_provider_voiceinfra.calls.errors import (
    AnswerUnknownError,
    CallNotSentError,
    CallRejectedError,
    CallUnknownError,
    TooLateToSendError,
)
from airflow_provider_voiceinfra.calls.refusals import GuardError
from airflow_provider_voiceinfra.calls.request import CallRequest
from airflow_provider_voiceinfra.calls.retry import Backoff, RetryPolicy
from airflow_provider_voiceinfra.calls.transport import SendTime
from airflow_provider_voiceinfra.store.budget import TURN_LENGTH
from airflow_provider_voiceinfra.store.claims import Claims
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.records import Claim
from airflow_provider_voiceinfra.store.rules import Asked, Fence, Refused

log = logging.getLogger(__name__)

T = TypeVar("T")

_ANSWER_TIME = timedelta(seconds=45)
"""What is left of a claim when the first byte is written: enough to wait for the answer and to read it."""

_CONNECT_TIME = timedelta(milliseconds=500)
"""How long before its turn a POST's connection is made."""

_MISSED_TURNS = 8
"""How many turns, each twice as long as the one before, a busy machine may miss before it has to try again later."""


@dataclass(frozen=True, slots=True)
class Dial:
    """A call that we hold the claim on.

    :param request: what is sent.
    :param asked: what the store keeps of it, and the rules that it is checked against.
    """

    claim: Claim
    request: CallRequest
    asked: Asked


class Sender:
    """Sends what is claimed, for one account.

    :param retry: for requests that VoiceInfra did not take.
    :param record_deadline: seconds to try to record an answer while the store does not answer.
    :param refusal: gives the error that tells a refusal.
    """

    def __init__(
        self,
        claims: Claims,
        api: VoiceInfraApi,
        *,
        retry: RetryPolicy,
        record_deadline: float,
        refusal: Callable[[Refused], GuardError],
    ) -> None:
        self._claims = claims
        self._api = api
        self._retry = retry
        self._record_deadline = record_deadline
        self._refusal = refusal

    def send(self, dial: Dial, fence: Fence | None = None) -> str | None:
        """Dial until VoiceInfra has answered; all but its ``call_id`` is recorded.

        :param fence: that was passed already.
        :return: the ``call_id``; None where the claim is not ours any more, and nothing was sent.
        :raises VoiceInfraError: see :meth:`.Dialer.place`.
        """
        backoff, claim, missed_turns = Backoff(self._retry), dial.claim, 0
        while True:
            # Whoever is too slow for a turn gets a longer one, at the cost of the others: so that it comes to its end.
            passed = fence or self._fence(dial, TURN_LENGTH * 2**missed_turns)
            if passed is None:
                return None
            fence = None
            try:
                return self._post(claim, dial.request, self._send_time(dial, passed))
            except CallNotSentError as error:
                if isinstance(error, TooLateToSendError) and missed_turns < _MISSED_TURNS:
                    missed_turns += 1
                    continue
                error.ref = claim.ref
                pause = backoff.pause(error.retry_after)
                if pause is None:
                    self.record(lambda: self._claims.release(claim, "nothing was sent"))
                    raise
                log.warning("%s Trying again in %.1f s.", error, pause)
                self._sleep(claim, pause)

    def release(self, claim: Claim, why: str) -> None:
        """Let the key of a call go that is not sent after all, if the store can be told."""
        with contextlib.suppress(StoreError):
            self._claims.release(claim, why)

    def record(self, write: Callable[[], object]) -> None:
        """Write what VoiceInfra said, however this is stopped; see :meth:`insist`."""
        try:
            self.insist(write)
        except StoreError:
            raise
        except BaseException:
            # Stopped while writing: what is known is written all the same.
            with contextlib.suppress(StoreError):
                write()
            raise

    def insist(self, write: Callable[[], T]) -> T:
        """Write to the store, however often that must be tried.

        :raises StoreError: if the store does not answer for too long.
        """
        end = time.monotonic() + self._record_deadline
        while True:
            try:
                return write()
            except StoreError:
                if time.monotonic() > end:
                    raise
                log.warning("The call store does not answer; trying to record what VoiceInfra said.")
                time.sleep(1.0)

    def _fence(self, dial: Dial, turn_length: timedelta) -> Fence | None:
        """Pass the fence.

        :return: None where the claim is not ours any more.
        :raises GuardError: if the guard has changed its mind since the claim.
        """
        claim = dial.claim
        try:
            fence = self._claims.fence(claim, dial.asked.new, dial.asked.rules, turn_length=turn_length)
        except StoreError:
            # Nothing was sent: let a later try dial, if the store can still be told.
            self.record(lambda: self._claims.release(claim, "the store was away"))
            raise
        except BaseException:
            self.release(claim, "it was stopped before dialling")
            raise
        if isinstance(fence, Refused):
            raise self._refusal(fence)
        return fence

    def _send_time(self, dial: Dial, fence: Fence) -> SendTime:
        """Say when the POST may begin to be sent; its turn is waited for, but for the time to connect."""
        turn, rules = fence.send_at, dial.asked.rules
        if turn is not None:
            # The rest of the time is waited for with the connection made.
            self._sleep(dial.claim, max(0.0, (turn - _CONNECT_TIME - datetime.now(UTC)).total_seconds()))
        ends = (fence.until - _ANSWER_TIME, fence.send_by, rules.closes_at(datetime.now(UTC)), rules.not_after)
        return SendTime(turn, min(filter(None, ends)))

    def _post(self, claim: Claim, request: CallRequest, send_time: SendTime) -> str:
        try:
            return self._api.place_call(request, send_time=send_time)
        except CallNotSentError:
            raise
        except CallRejectedError as error:
            error.ref, code, message = claim.ref, error.code, error.message
            self.record(lambda: self._claims.record_rejected(claim, code, message))
            raise
        except AnswerUnknownError as error:
            why = str(error)
            self.record(lambda: self._claims.record_unknown(claim, why))
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
            self.release(claim, "it was stopped between two attempts")
            raise
