"""How a call is placed at most once: claim, permit, POST, record."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable

from airflow_provider_voiceinfra.calls.account import Account
from airflow_provider_voiceinfra.calls.api import VoiceInfraApi
from airflow_provider_voiceinfra.calls.call_intent import CallIntent
from airflow_provider_voiceinfra.calls.retry import RetryPolicy
from airflow_provider_voiceinfra.calls.send_gate import ClaimedCall
from airflow_provider_voiceinfra.calls.sending import Sender
from airflow_provider_voiceinfra.calls.stop import StopFlag, stop_at_sigterm
from airflow_provider_voiceinfra.errors import CallUnknownError, HostConflictError, KeyConflictError
from airflow_provider_voiceinfra.guard.errors import GuardError, error_of
from airflow_provider_voiceinfra.phone_numbers.e164 import mask
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.claims.results import Claim, Conflict, ConflictReason
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.guard import lifetimes
from airflow_provider_voiceinfra.store.guard.claim_request import ClaimRequest
from airflow_provider_voiceinfra.store.guard.rules import DeniedCall
from airflow_provider_voiceinfra.store.models import BLOCKED_STATES, Call, CallState

log = logging.getLogger(__name__)

RECORD_DEADLINE = 60.0
"""Seconds for which an answer is tried to be recorded while the store does not answer."""

KEY_IS_FREE = BLOCKED_STATES | {CallState.RELEASED, CallState.REJECTED, CallState.NOT_PLACED, CallState.WAITING}
"""States of calls that were not placed, and may be claimed anew."""

_ELSEWHERE = {
    ConflictReason.MAP_INDEX: "another map index of this task and run calls the same number with another request",
    ConflictReason.RETRY: (
        "an earlier try of this task called another number, and a retry must not call a second person"
    ),
}


class Dialer:
    """Places calls for one account; the call store decides whether a POST may be sent.

    :param retry: for requests that VoiceInfra did not take.
    :param record_deadline: seconds to try to record an answer while the store does not answer.
    :param on_denied: is told what the guard blocks or defers.
    :param on_placed: is told how many calls VoiceInfra has taken.
    """

    def __init__(
        self,
        store: CallStore,
        account: Account,
        *,
        api: VoiceInfraApi | None = None,
        retry: RetryPolicy | None = None,
        record_deadline: float = RECORD_DEADLINE,
        on_denied: Callable[[GuardError], object] | None = None,
        on_placed: Callable[[int], object] | None = None,
    ) -> None:
        self._store = store
        self._account = account
        self._on_denied = on_denied or _ignore
        self._on_placed = on_placed or _ignore
        self.retry = retry or RetryPolicy()
        self.sender = Sender(
            store,
            api or VoiceInfraApi(account),
            retry=self.retry,
            record_deadline=record_deadline,
            guard_error=self.guard_error,
        )

    def place(
        self,
        intent: CallIntent,
        *,
        on_call_id: Callable[[str], None] | None = None,
        settle_wait: float = lifetimes.CLAIM_LIFETIME.total_seconds() + 5,
        stop: StopFlag | None = None,
    ) -> Call:
        """Place the call, or find the one that the key has placed already.

        :param on_call_id: is told the ``call_id`` the moment it is known, before the store.
        :param settle_wait: seconds to wait here while another task or try is placing the call.
        :param stop: is set where the task is stopped; so is it by SIGTERM.
        :return: a call that VoiceInfra has taken.
        :raises CallStoppedError: the task was stopped before the call was sent.
        :raises CallDeferredError: the guard defers it; ask again later.
        :raises CallBlockedError: the guard blocks it for good.
        :raises CallNotSentError: nothing was sent; the key is free for a later try.
        :raises CallRejectedError: VoiceInfra rejected it; the key is free for a corrected request.
        :raises CallUnknownError: it may have been placed, now or by an earlier try.
        :raises KeyConflictError: the key belongs to a call that asked for something else.
        :raises StoreError: the store cannot be used.
        """
        request, tell, stop = self.claim_request(intent), on_call_id or _ignore, stop or StopFlag()
        with stop_at_sigterm(stop):
            while True:
                stop.check()
                result = self._store.claims.take(request)
                if result.denied is not None:
                    raise self.guard_error(result.denied)
                if result.claim is not None:
                    return self._dial(ClaimedCall(result.claim, intent.request), tell, stop)
                if result.conflict is not None:
                    call = self.conflicting_call(intent, result.conflict, settle_wait, stop)
                    if call is not None:
                        return self._found(call, tell)

    def claim_request(self, intent: CallIntent) -> ClaimRequest:
        """Give what the call store is asked to claim."""
        return intent.claim_request(self._account)

    def guard_error(self, denied: DeniedCall) -> GuardError:
        """Give the error that describes a denial, and count it."""
        error = error_of(denied)
        self._on_denied(error)
        return error

    def conflicting_call(
        self, intent: CallIntent, conflict: Conflict, settle_wait: float, stop: StopFlag
    ) -> Call | None:
        """Give the call that another one conflicts with.

        :param settle_wait: seconds to wait for its answer.
        :return: a call that VoiceInfra has taken; None where its key is free by now.
        :raises CallUnknownError: it may have been placed.
        :raises KeyConflictError: it asked for something else.
        """
        call = self._settled(conflict.ref, settle_wait, stop)
        is_elsewhere = conflict.reason == ConflictReason.HOST
        if call.state in KEY_IS_FREE and not (is_elsewhere and call.state == CallState.WAITING):
            return None
        if is_elsewhere:
            self._store.claims.record_conflict(call.ref, conflict.reason, host=self._account.host)
            raise HostConflictError(call.ref, host=call.host, our_host=self._account.host)
        self._check_same(call, intent, conflict.reason)
        return _placed(call)

    def _dial(self, call: ClaimedCall, on_call_id: Callable[[str], None], stop: StopFlag) -> Call:
        claim = call.claim
        call_id = self.sender.send(call, stop)
        if call_id is None:
            return self._found(self.taken_over(claim), on_call_id)
        try:
            log.info("Call %s to %s is queued as %s.", claim.ref, mask(call.request.to_number), call_id)
            on_call_id(call_id)
        finally:
            # Whoever could not be told, and however it is stopped: the answer is not lost.
            self.sender.record(lambda: self._store.claims.record_queued(claim, call_id))
            self.count_placed(1)
        return _placed(self._get(claim.ref), why="VoiceInfra gave its call_id to another call too")

    def count_placed(self, placed: int) -> None:
        """Tell how many calls VoiceInfra has taken whose answers are recorded."""
        with contextlib.suppress(Exception):
            self._on_placed(placed)

    def taken_over(self, claim: Claim) -> Call:
        """Give the call of a claim that another task or try has taken over.

        :raises CallUnknownError: it may have been placed.
        """
        return _placed(self._get(claim.ref))

    @staticmethod
    def _found(call: Call, on_call_id: Callable[[str], None]) -> Call:
        log.info("Call %s was placed already as %s (%s).", call.ref, call.call_id, call.state)
        on_call_id(str(call.call_id))
        return call

    def _settled(self, ref: str, seconds: float, stop: StopFlag) -> Call:
        """Wait while another's claim may still lead to a POST or to its answer."""
        end = time.monotonic() + seconds
        while True:
            call = self._get(ref)
            if call.state != CallState.CLAIMED or time.monotonic() > end:
                return call
            left = (call.claim_expires_at - self._store.database.clock.now()).total_seconds()
            if left < 0:
                self._store.claims.expire(ref)
                continue
            log.info("Call %s is being placed by another task or try; waiting for its answer.", ref)
            stop.sleep(min(left + 0.1, 2.0))

    def _check_same(self, call: Call, intent: CallIntent, reason: ConflictReason) -> None:
        now, before = intent.request.fingerprint(), call.fingerprint
        if not before:
            # Purged: of what it asked for, the store can tell the number only.
            before = now | ({"to_number": ""} if reason in {ConflictReason.RETRY, ConflictReason.NUMBER} else {})
        fields = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
        if not fields:
            return
        names = ", ".join(fields)
        if reason == ConflictReason.KEY and not intent.key.own:
            log.warning("Call %s was asked for with other values of %s; it stays as it was.", call.ref, names)
            return
        self._store.claims.record_conflict(call.ref, reason, fields=names)
        raise KeyConflictError(call.ref, fields, why=_ELSEWHERE.get(reason, ""))

    def _get(self, ref: str) -> Call:
        call = self._store.calls.get(ref)
        if call is None:
            raise StoreError(f"Call {ref} is gone from the call store, where rows of calls are never deleted.")
        return call


def _placed(call: Call, *, why: str = "its answer was never received") -> Call:
    """Make sure that VoiceInfra has taken a call.

    :param why: that is unknown, where it is.
    """
    if call.call_id is None:
        being_placed = "another task or try is placing it at this moment"
        raise CallUnknownError(call.ref, being_placed if call.state == CallState.CLAIMED else why)
    return call


def _ignore(_: object) -> None:
    pass
