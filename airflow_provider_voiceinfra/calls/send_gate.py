"""The last step before a POST, which decides once whether its first byte is written."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_provider_voiceinfra.calls.request import CallRequest
from airflow_provider_voiceinfra.calls.stop import StopFlag
from airflow_provider_voiceinfra.errors import CallStoppedError, TooLateToSendError
from airflow_provider_voiceinfra.store.claims.results import Claim, SendPermit
from airflow_provider_voiceinfra.store.guard.rules import SendSlot

# How long before its send slot a POST's connection is made.
_CONNECT_TIME = timedelta(milliseconds=500)


@dataclass(frozen=True, slots=True)
class ClaimedCall:
    """A call that this execution has claimed, with its request."""

    claim: Claim
    request: CallRequest


RequestPermit = Callable[[Claim, SendSlot | None], SendPermit]
"""Requests a send permit from the call store, for the given slot, or for a new one if there is a rate. Raises a
:class:`.ClaimLostError` if the claim is no longer ours."""


class SendGate:
    """Allows the first byte of one POST, or prevents it for good.

    The sending thread calls it once the connection is made. A send permit is short-lived, so that pausing calls and
    stopping a task take effect at once: if the connection takes longer, another permit is requested.

    :param permit: a permit that was granted already.
    :param now: the store's clock.
    """

    def __init__(
        self,
        call: ClaimedCall,
        request_permit: RequestPermit,
        permit: SendPermit | None,
        stop: StopFlag,
        now: Callable[[], datetime],
    ) -> None:
        self.call = call
        self.missed_slots = 0
        self._rules = call.claim.request.rules
        self._request_permit = request_permit
        self._permit = permit
        self._stop = stop
        self._now = now
        self._lock = threading.Lock()
        self._closed = False
        self._begun = False

    @property
    def has_begun(self) -> bool:
        """Whether its POST has begun."""
        return self._begun

    def wait_for_slot(self) -> None:
        """Reserve a send slot, if there is a rate, and wait until it is time to connect.

        :raises VoiceInfraError: see :meth:`__call__`.
        """
        self._stop.check()
        if self._permit is None and self._rules.is_paced:
            self._permit = self._request_permit(self.call.claim, None)
        if self._permit is not None and self._permit.slot is not None:
            self._sleep_until(self._permit.slot.send_at - _CONNECT_TIME)

    def __call__(self) -> None:
        """Return right before the first byte is written.

        :raises CallStoppedError: this gate is closed, or the task is being stopped.
        :raises ClaimLostError: the claim is no longer ours.
        :raises TooLateToSendError: the permit or its send slot has expired.
        :raises GuardError: the guard denies the call now.
        :raises StoreError: the store cannot be used.
        """
        self._stop.check()
        permit = self._valid_permit()
        if permit.slot is not None:
            self._sleep_until(permit.slot.send_at)
        if self._is_too_late(permit):
            self._permit = None
            self.missed_slots += 1
            raise TooLateToSendError
        with self._lock:
            if self._closed or self._stop.is_set:
                raise CallStoppedError
            self._begun = True

    def close(self) -> bool:
        """Prevent the first byte.

        :return: False if the POST has begun, so that its answer must be awaited.
        """
        with self._lock:
            self._closed = not self._begun
            return self._closed

    def _valid_permit(self) -> SendPermit:
        """Return a permit that will be valid when the slot begins."""
        permit, needed_at = self._permit, self._now()
        if permit is None:
            return self._request_permit(self.call.claim, None)
        if permit.slot is not None:
            needed_at = max(needed_at, permit.slot.send_at)
        if needed_at < permit.valid_until:
            return permit
        return self._request_permit(self.call.claim, permit.slot)

    def _is_too_late(self, permit: SendPermit) -> bool:
        now, rules = self._now(), self._rules
        send_by = None if permit.slot is None else permit.slot.send_by
        return now > min(filter(None, (permit.valid_until, send_by, rules.closes_at(now), rules.not_after)))

    def _sleep_until(self, time: datetime) -> None:
        self._stop.sleep((time - self._now()).total_seconds())
