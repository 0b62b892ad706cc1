"""The last step before a POST: whether its first byte is written is decided here, once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from airflow_provider_voiceinfra.calls.request import CallRequest
from airflow_provider_voiceinfra.calls.stop import StopFlag
from airflow_provider_voiceinfra.errors import CallStoppedError, ClaimLostError, TooLateToSendError
from airflow_provider_voiceinfra.store.guard.rules import Asked, Fence
from airflow_provider_voiceinfra.store.models import Claim

_CONNECT_TIME = timedelta(milliseconds=500)
"""How long before its send slot a POST's connection is made."""


@dataclass(frozen=True, slots=True)
class Dial:
    """A call that we hold the claim on.

    :param request: what is sent.
    :param asked: what the store keeps of it, and the rules that it is checked against.
    """

    claim: Claim
    request: CallRequest
    asked: Asked

    @property
    def is_paced(self) -> bool:
        """Whether its POST has to wait for a send slot."""
        rules = self.asked.rules
        return bool(rules.calls_per_second or rules.list_calls_per_second)

    def unpaced(self) -> Dial:
        """Give the same call for a second permit in the same slot."""
        rules = replace(self.asked.rules, calls_per_second=None, list_calls_per_second=None)
        return replace(self, asked=replace(self.asked, rules=rules))


class SendGate:
    """Lets the first byte of one POST be written, or keeps it from being written for good.

    The thread that sends passes it with its connection made. A send permit lasts a moment only, so that pausing calls
    and stopping a task take effect at once: where making the connection took longer, another permit is requested.

    :param request_permit: asks the store for a send permit, with a send slot where there is a rate; gives None where
        the claim is not ours any more.
    :param permit: one that was granted already.
    :param now: the store's clock.
    """

    def __init__(
        self,
        dial: Dial,
        request_permit: Callable[[Dial], Fence | None],
        permit: Fence | None,
        stop: StopFlag,
        now: Callable[[], datetime],
    ) -> None:
        self.dial = dial
        self.missed_slots = 0
        self._request_permit = request_permit
        self._permit = permit
        self._stop = stop
        self._now = now
        self._lock = threading.Lock()
        self._closed = False
        self._begun = False

    def wait_for_slot(self) -> None:
        """Reserve a send slot, where there is a rate, and wait until the connection should be made for it.

        :raises VoiceInfraError: see :meth:`__call__`.
        """
        self._stop.check()
        if self.dial.is_paced and self._permit is None:
            self._permit = self._request(self.dial)
        if self._permit is not None:
            self._sleep_until(self._permit.send_at, before=_CONNECT_TIME)

    def __call__(self) -> None:
        """Return right before the first byte is written.

        :raises CallStoppedError: this gate is closed, or the task is being stopped.
        :raises ClaimLostError: the claim is not ours any more.
        :raises TooLateToSendError: the permit or its send slot is over.
        :raises GuardError: the guard has changed its mind since the claim.
        :raises StoreError: the store cannot be used.
        """
        self._stop.check()
        permit = self._valid_permit()
        self._sleep_until(permit.send_at)
        now, rules = self._now(), self.dial.asked.rules
        ends = (permit.valid_until, permit.send_by, rules.closes_at(now), rules.not_after)
        if now > min(filter(None, ends)):
            self._permit = None
            self.missed_slots += 1
            raise TooLateToSendError
        with self._lock:
            if self._closed or self._stop.is_set:
                raise CallStoppedError
            self._begun = True

    def close(self) -> bool:
        """Let no byte be written any more.

        :return: False where the POST has begun: then its answer must be waited for.
        """
        with self._lock:
            self._closed = not self._begun
            return self._closed

    def _valid_permit(self) -> Fence:
        permit, now = self._permit, self._now()
        if permit is None:
            return self._request(self.dial)
        if max(now, permit.send_at or now) < permit.valid_until:
            return permit
        return replace(permit, valid_until=self._request(self.dial.unpaced()).valid_until)

    def _request(self, dial: Dial) -> Fence:
        permit = self._request_permit(dial)
        if permit is None:
            raise ClaimLostError
        return permit

    def _sleep_until(self, time: datetime | None, before: timedelta = timedelta(0)) -> None:
        if time is not None:
            self._stop.sleep((time - before - self._now()).total_seconds())
