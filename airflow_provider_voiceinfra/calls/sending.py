"""From a claim to VoiceInfra's answer: permit, POST, record; and again if nothing was sent."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cached_property

from airflow_provider_voiceinfra.calls.api import VoiceInfraApi
from airflow_provider_voiceinfra.calls.recorder import Recorder
from airflow_provider_voiceinfra.calls.retry import Backoff, RetryPolicy
from airflow_provider_voiceinfra.calls.send_gate import ClaimedCall, SendGate
from airflow_provider_voiceinfra.calls.stop import CHECK_INTERVAL, StopFlag
from airflow_provider_voiceinfra.errors import (
    AnswerUnknownError,
    CallNotSentError,
    CallRejectedError,
    CallStoppedError,
    CallUnknownError,
    ClaimLostError,
    TooLateToSendError,
)
from airflow_provider_voiceinfra.guard.errors import GuardError
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.claims.results import Claim, SendPermit
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.guard.rules import DeniedCall, SendSlot

log = logging.getLogger(__name__)

LAST_ANSWER_TIME = 4.0
"""Seconds to wait for an answer after an exception has stopped the task: Airflow kills it one second later."""

# How many send slots in a row a busy machine may miss before it has to try again later.
_MISSED_SLOTS = 8


class Sender:
    """Sends the claimed calls of one account.

    :param guard_error: makes the error that describes a denial.
    """

    def __init__(
        self,
        store: CallStore,
        api: VoiceInfraApi,
        *,
        retry: RetryPolicy,
        recorder: Recorder,
        guard_error: Callable[[DeniedCall], GuardError],
    ) -> None:
        self._claims = store.claims
        self._now = store.database.clock.now
        self._api = api
        self._retry = retry
        self._recorder = recorder
        self._guard_error = guard_error

    def send(self, call: ClaimedCall, stop: StopFlag) -> str | None:
        """Send until VoiceInfra has answered, and record everything but its ``call_id``.

        :return: the ``call_id``; None if the claim is no longer ours, and nothing was sent.
        :raises VoiceInfraError: see :meth:`.Dialer.place`.
        """
        backoff, claim = Backoff(self._retry), call.claim
        while True:
            try:
                return self._attempt_in_thread(call, stop)
            except ClaimLostError:
                return None
            except CallNotSentError as error:
                error.ref = claim.ref
                pause = None if isinstance(error, CallStoppedError) else backoff.pause(error.retry_after)
                if pause is None:
                    self._recorder.record(lambda: self._claims.release(claim, "nothing was sent"))
                    raise
                log.warning("%s Trying again in %.1f s.", error, pause)
                self._sleep(claim, pause, stop)

    def attempt(self, gate: SendGate) -> str:
        """Send one POST, unless its gate is closed; record rejections and unknown results.

        :return: the ``call_id``.
        :raises CallNotSentError: nothing was accepted; the claim is ours, unless it is a :class:`.ClaimLostError`.
        :raises CallRejectedError: VoiceInfra rejected it.
        :raises CallUnknownError: it may have been accepted.
        """
        while True:
            gate.wait_for_slot()
            try:
                return self._post(gate)
            except TooLateToSendError:
                if gate.missed_slots > _MISSED_SLOTS:
                    raise

    def gate(self, call: ClaimedCall, stop: StopFlag, permit: SendPermit | None = None) -> SendGate:
        """Make the gate of one POST."""
        return SendGate(call, self._request_permit, permit, stop, self._now)

    @cached_property
    def _thread(self) -> ThreadPoolExecutor:
        # One thread, so that its connection is used again.
        return ThreadPoolExecutor(1, "voiceinfra-post")

    def _attempt_in_thread(self, call: ClaimedCall, stop: StopFlag) -> str:
        """Send in another thread: a DNS lookup would delay the signals that this one must receive."""
        gate = self.gate(call, stop)
        answer = self._thread.submit(self.attempt, gate)
        try:
            while not wait([answer], CHECK_INTERVAL).done:
                if stop.is_set and gate.close():
                    break
        except BaseException:
            # Stopped by an exception, such as a timeout of the task or Ctrl-C.
            if gate.close():
                self._recorder.release(call.claim, "it was stopped before dialling")
            else:
                self._record_last_answer(call.claim, answer)
            raise
        if not answer.done():
            raise CallStoppedError
        return answer.result()

    def _record_last_answer(self, claim: Claim, answer: Future[str]) -> None:
        wait([answer], LAST_ANSWER_TIME)
        with contextlib.suppress(StoreError):
            if not answer.done():
                self._claims.record_unknown(claim, "it was stopped while dialling")
            elif answer.exception() is None:
                self._claims.record_queued(claim, answer.result())
            elif isinstance(answer.exception(), CallNotSentError):
                self._claims.release(claim, "nothing was sent")

    def _request_permit(self, claim: Claim, slot: SendSlot | None) -> SendPermit:
        """Request a send permit; see :data:`.RequestPermit`.

        :param slot: a slot that is reserved already.
        :raises GuardError: if the guard denies the call now.
        """
        try:
            result = self._claims.request_permit(claim, slot)
        except StoreError:
            # Nothing was sent: release the key for a later try, if the store can still be reached.
            self._recorder.record(lambda: self._claims.release(claim, "the store was unavailable"))
            raise
        except BaseException:
            self._recorder.release(claim, "it was stopped before dialling")
            raise
        if result.denied is not None:
            raise self._guard_error(result.denied)
        if result.permit is None:
            raise ClaimLostError
        return result.permit

    def _post(self, gate: SendGate) -> str:
        claim = gate.call.claim
        try:
            return self._api.place_call(gate.call.request, gate=gate)
        except CallRejectedError as error:
            error.ref, code, message = claim.ref, error.code, error.message
            self._recorder.record(lambda: self._claims.record_rejected(claim, code, message))
            raise
        except AnswerUnknownError as error:
            reason = str(error)
            self._recorder.record(lambda: self._claims.record_unknown(claim, reason))
            raise CallUnknownError(claim.ref, reason) from None
        except (CallNotSentError, GuardError, StoreError):
            # From the gate, or from a connection that was not made: nothing was sent.
            raise
        except Exception:
            with contextlib.suppress(StoreError):
                self._claims.record_unknown(claim, "it failed while dialling")
            raise

    def _sleep(self, claim: Claim, seconds: float, stop: StopFlag) -> None:
        try:
            stop.sleep(seconds)
        except BaseException:
            self._recorder.release(claim, "it was stopped between two attempts")
            raise
