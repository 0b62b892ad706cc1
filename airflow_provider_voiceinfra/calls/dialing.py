"""How a call is placed at most once: claim, permit, POST, record."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

from airflow_provider_voiceinfra.calls.account import Account
from airflow_provider_voiceinfra.calls.api import VoiceInfraApi
from airflow_provider_voiceinfra.calls.call_intent import CallIntent
from airflow_provider_voiceinfra.calls.conflicting_call import ConflictingCalls, read_call, require_placed
from airflow_provider_voiceinfra.calls.recorder import Recorder
from airflow_provider_voiceinfra.calls.retry import RetryPolicy
from airflow_provider_voiceinfra.calls.send_gate import ClaimedCall
from airflow_provider_voiceinfra.calls.sending import Sender
from airflow_provider_voiceinfra.calls.stop import StopFlag, stop_at_sigterm
from airflow_provider_voiceinfra.guard.errors import GuardError, error_of
from airflow_provider_voiceinfra.phone_numbers.e164 import mask
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.claims.results import Claim
from airflow_provider_voiceinfra.store.guard import lifetimes
from airflow_provider_voiceinfra.store.guard.claim_request import ClaimRequest
from airflow_provider_voiceinfra.store.guard.rules import DeniedCall
from airflow_provider_voiceinfra.store.models import Call

log = logging.getLogger(__name__)

RECORD_DEADLINE = 60.0
"""Seconds for which recording an answer is retried while the store does not answer."""


class Dialer:
    """Places calls for one account; the call store decides whether a POST may be sent.

    :param retry: for requests that VoiceInfra did not accept.
    :param record_deadline: seconds for which recording an answer is retried while the store does not answer.
    :param on_denied: called with the error of each call that the guard blocks or defers.
    :param on_placed: called with the number of calls that VoiceInfra has accepted.
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
        self.recorder = Recorder(store.claims, record_deadline)
        self.conflicting_calls = ConflictingCalls(store, account.host)
        self.sender = Sender(
            store,
            api or VoiceInfraApi(account),
            retry=self.retry,
            recorder=self.recorder,
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

        :param on_call_id: called with the ``call_id`` as soon as it is known, before the store is.
        :param settle_wait: seconds to wait while another task or try is placing the call.
        :param stop: set when the task is stopped; SIGTERM sets it too.
        :return: a call that VoiceInfra has accepted.
        :raises CallStoppedError: the task was stopped before the call was sent.
        :raises CallDeferredError: the guard defers it; try again later.
        :raises CallBlockedError: the guard blocks it for good.
        :raises CallNotSentError: nothing was sent; the key is free for a later try.
        :raises CallRejectedError: VoiceInfra rejected it; the key is free for a corrected request.
        :raises CallUnknownError: it may have been placed, now or by an earlier try.
        :raises KeyConflictError: the key belongs to a call with a different request.
        :raises StoreError: the store cannot be used.
        """
        request, on_call_id, stop = self.claim_request(intent), on_call_id or _ignore, stop or StopFlag()
        with stop_at_sigterm(stop):
            while True:
                stop.check()
                result = self._store.claims.take(request)
                if result.denied is not None:
                    raise self.guard_error(result.denied)
                if result.claim is not None:
                    return self._dial(ClaimedCall(result.claim, intent.request), on_call_id, stop)
                if result.conflict is not None:
                    call = self.conflicting_calls.find(intent, result.conflict, settle_wait, stop)
                    if call is not None:
                        return self._found(call, on_call_id)

    def claim_request(self, intent: CallIntent) -> ClaimRequest:
        """Return the request to the call store for a claim."""
        return intent.claim_request(self._account)

    def guard_error(self, denied: DeniedCall) -> GuardError:
        """Return the error that describes a denial, and count it."""
        error = error_of(denied)
        self._on_denied(error)
        return error

    def _dial(self, call: ClaimedCall, on_call_id: Callable[[str], None], stop: StopFlag) -> Call:
        claim = call.claim
        call_id = self.sender.send(call, stop)
        if call_id is None:
            return self._found(self.taken_over(claim), on_call_id)
        try:
            log.info("Call %s to %s is queued as %s.", claim.ref, mask(call.request.to_number), call_id)
            on_call_id(call_id)
        finally:
            # Whatever stops this, the answer is not lost.
            self.recorder.record(lambda: self._store.claims.record_queued(claim, call_id))
            self.count_placed(1)
        return require_placed(
            read_call(self._store, claim.ref), reason="VoiceInfra gave its call_id to another call too"
        )

    def count_placed(self, count: int) -> None:
        """Count calls that VoiceInfra has accepted, once their answers are recorded."""
        with contextlib.suppress(Exception):
            self._on_placed(count)

    def taken_over(self, claim: Claim) -> Call:
        """Return the call of a claim that another task or try has taken over.

        :raises CallUnknownError: it may have been placed.
        """
        return require_placed(read_call(self._store, claim.ref))

    @staticmethod
    def _found(call: Call, on_call_id: Callable[[str], None]) -> Call:
        log.info("Call %s was placed already as %s (%s).", call.ref, call.call_id, call.state)
        on_call_id(str(call.call_id))
        return call


def _ignore(_: object) -> None:
    pass
