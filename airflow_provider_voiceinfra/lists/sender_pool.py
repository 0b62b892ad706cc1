"""Threads that send calls with a send permit, and return the answers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from airflow_provider_voiceinfra.calls.send_gate import ClaimedCall, SendGate
from airflow_provider_voiceinfra.calls.sending import Sender
from airflow_provider_voiceinfra.calls.stop import StopFlag
from airflow_provider_voiceinfra.errors import CallNotSentError, ClaimLostError
from airflow_provider_voiceinfra.store.claims.results import SendPermit
from airflow_provider_voiceinfra.store.lists.row_values import DueRow


@dataclass(frozen=True, slots=True)
class ClaimedRow:
    """A row whose call we have claimed."""

    row: DueRow
    call: ClaimedCall


@dataclass(frozen=True, slots=True)
class SendResult:
    """The result of sending a row's call.

    :param call_id: VoiceInfra's answer; None if there was an error.
    """

    claimed: ClaimedRow
    call_id: str | None = None
    error: BaseException | None = None

    @property
    def was_not_sent(self) -> bool:
        """Whether nothing was sent under a claim that is still ours."""
        return isinstance(self.error, CallNotSentError) and not isinstance(self.error, ClaimLostError)


@dataclass(frozen=True, slots=True)
class _Sending:
    """A row that was submitted to a thread; its first byte may be written until its gate is closed."""

    claimed: ClaimedRow
    gate: SendGate


class SenderPool:
    """Sends calls in threads; one thread takes the results.

    :param stop: set when no other POST may begin.
    """

    def __init__(self, size: int, sender: Sender, stop: StopFlag) -> None:
        self._pool = ThreadPoolExecutor(size, "voiceinfra-list")
        self._sender = sender
        self._stop = stop
        self._results: SimpleQueue[SendResult] = SimpleQueue()
        # By the claim's id.
        self._sending: dict[int, _Sending] = {}

    @property
    def busy(self) -> int:
        """How many calls are being sent, or wait for their send slots."""
        return len(self._sending)

    @property
    def waiting(self) -> int:
        """How many of them have not begun."""
        return sum(not each.gate.has_begun for each in self._sending.values())

    def is_sending(self, claimed: ClaimedRow) -> bool:
        """Return whether a row was submitted, and its result not taken yet."""
        return claimed.call.claim.id in self._sending

    def submit(self, claimed: ClaimedRow, permit: SendPermit) -> None:
        """Submit a call to be sent."""
        sending = _Sending(claimed, self._sender.gate(claimed.call, self._stop, permit))
        self._sending[claimed.call.claim.id] = sending
        self._pool.submit(self._send, sending)

    def results(self, wait: float) -> Iterator[SendResult]:
        """Take the available results one by one, except those of forgotten rows.

        :param wait: seconds to wait for the first.
        """
        with contextlib.suppress(Empty):
            result = self._results.get(timeout=wait) if wait > 0 else self._results.get_nowait()
            while True:
                if self._sending.pop(result.claimed.call.claim.id, None) is not None:
                    yield result
                result = self._results.get_nowait()

    def close_gates(self) -> list[ClaimedRow]:
        """Prevent every POST that has not begun.

        :return: the rows of these.
        """
        return [each.claimed for each in self._sending.values() if each.gate.close()]

    def forget(self, claimed: ClaimedRow) -> None:
        """Ignore the result of a row."""
        self._sending.pop(claimed.call.claim.id, None)

    def close(self) -> None:
        """Accept no more calls. Busy threads end by themselves."""
        self._pool.shutdown(wait=False)

    def _send(self, sending: _Sending) -> None:
        try:
            self._results.put(SendResult(sending.claimed, self._sender.attempt(sending.gate)))
        except BaseException as error:  # noqa: BLE001 - raised where the result is taken
            self._results.put(SendResult(sending.claimed, error=error))
