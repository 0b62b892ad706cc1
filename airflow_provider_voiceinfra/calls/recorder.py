"""Records VoiceInfra's answers in the call store, with retries while it is unavailable."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from airflow_provider_voiceinfra.store.claims.claims import Claims
from airflow_provider_voiceinfra.store.claims.results import Claim
from airflow_provider_voiceinfra.store.errors import StoreError

log = logging.getLogger(__name__)

T = TypeVar("T")

_RETRY_INTERVAL = 1.0


class Recorder:
    """Writes to the call store, with retries.

    :param deadline: seconds after which a write is not retried.
    """

    def __init__(self, claims: Claims, deadline: float) -> None:
        self._claims = claims
        self._deadline = deadline

    def insist(self, write: Callable[[], T]) -> T:
        """Write, with retries until the deadline.

        :raises StoreError: if the store is still unavailable then.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(StoreError),
            stop=stop_after_delay(self._deadline),
            wait=wait_fixed(_RETRY_INTERVAL),
            sleep=time.sleep,
            before_sleep=_warn,
            reraise=True,
        )
        return retrying(write)

    def record(self, write: Callable[[], object]) -> None:
        """Write VoiceInfra's answer, even if the task is stopped meanwhile; see :meth:`insist`."""
        try:
            self.insist(write)
        except StoreError:
            raise
        except BaseException:
            # Stopped while writing.
            with contextlib.suppress(StoreError):
                write()
            raise

    def release(self, claim: Claim, reason: str) -> None:
        """Release a call that is not sent after all, if the store is available."""
        with contextlib.suppress(StoreError):
            self._claims.release(claim, reason)


def _warn(_: RetryCallState) -> None:
    log.warning("The call store does not answer; trying again to record what VoiceInfra answered.")
