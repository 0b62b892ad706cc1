"""Resolves conflicts between calls: both are the same call, or an error says what differs."""

from __future__ import annotations

import logging
import time

from airflow_provider_voiceinfra.calls.call_intent import CallIntent
from airflow_provider_voiceinfra.calls.stop import StopFlag
from airflow_provider_voiceinfra.errors import CallUnknownError, HostConflictError, KeyConflictError
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.claims.results import Conflict, ConflictReason
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.models import KEY_FREE_STATES, Call, CallState

log = logging.getLogger(__name__)

_REASONS = {
    ConflictReason.MAP_INDEX: "another map index of this task and run calls the same number with another request",
    ConflictReason.RETRY: (
        "an earlier try of this task called another number, and a retry must not call a second person"
    ),
}
_WAIT_INTERVAL = 2.0


class ConflictingCalls:
    """Finds the calls that others conflict with.

    :param host: the host where calls are placed now.
    """

    def __init__(self, store: CallStore, host: str) -> None:
        self._store = store
        self._host = host

    def find(self, intent: CallIntent, conflict: Conflict, settle_wait: float, stop: StopFlag) -> Call | None:
        """Return the call that another one conflicts with.

        :param settle_wait: seconds to wait for its answer.
        :return: a call that VoiceInfra has accepted; None if its key is free by now.
        :raises CallUnknownError: it may have been placed.
        :raises KeyConflictError: its request was different.
        """
        call = self._settled(conflict.ref, settle_wait, stop)
        is_elsewhere = conflict.reason == ConflictReason.HOST
        if call.state in KEY_FREE_STATES and not (is_elsewhere and call.state == CallState.WAITING):
            return None
        if is_elsewhere:
            self._store.claims.record_conflict(call.ref, conflict.reason, host=self._host)
            raise HostConflictError(call.ref, host=call.host, our_host=self._host)
        self._check_same(call, intent, conflict.reason)
        return require_placed(call)

    def _settled(self, ref: str, seconds: float, stop: StopFlag) -> Call:
        """Wait while another's claim may still lead to a POST or to its answer."""
        end = time.monotonic() + seconds
        while True:
            call = read_call(self._store, ref)
            if call.state != CallState.CLAIMED or time.monotonic() > end:
                return call
            left = (call.claim_expires_at - self._store.database.clock.now()).total_seconds()
            if left < 0:
                self._store.claims.expire(ref)
                continue
            log.info("Call %s is being placed by another task or try; waiting for its answer.", ref)
            stop.sleep(min(left + 0.1, _WAIT_INTERVAL))

    def _check_same(self, call: Call, intent: CallIntent, reason: ConflictReason) -> None:
        now, before = intent.request.fingerprint(), call.fingerprint
        if not before:
            # Purged: only its number can still be compared.
            before = now | ({"to_number": ""} if reason in {ConflictReason.RETRY, ConflictReason.NUMBER} else {})
        fields = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
        if intent.request.is_caller_chosen or "from_number" not in before:
            fields = [name for name in fields if name != "from_number"]
        if call.to_number in intent.other_numbers:
            # A row's call at another of its numbers is its own.
            fields = [name for name in fields if name != "to_number"]
        if not fields:
            return
        names = ", ".join(fields)
        if reason == ConflictReason.KEY and not intent.key.own:
            log.warning("Call %s was asked for with other values of %s; it stays as it was.", call.ref, names)
            return
        self._store.claims.record_conflict(call.ref, reason, fields=names)
        raise KeyConflictError(call.ref, fields, reason=_REASONS.get(reason, ""))


def read_call(store: CallStore, ref: str) -> Call:
    """Read a claimed call by its ref."""
    call = store.calls.get(ref)
    if call is None:
        raise StoreError(f"Call {ref} is gone from the call store, where rows of calls are never deleted.")
    return call


def require_placed(call: Call, *, reason: str = "its answer was never received") -> Call:
    """Return a call if VoiceInfra has accepted it.

    :param reason: why that is unknown, if it is.
    :raises CallUnknownError: if it is unknown whether the call was placed.
    """
    if call.call_id is None:
        being_placed = "another task or try is placing it at this moment"
        raise CallUnknownError(call.ref, being_placed if call.state == CallState.CLAIMED else reason)
    return call
