"""Recording in the call store what VoiceInfra answered, also while the store is away for a moment."""

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
    """Writes to the call store, and tries again where it does not answer.

    :param deadline: seconds to try.
    """

    def __init__(self, claims: Claims, deadline: float) -> None:
        self._claims = claims
        self._deadline = deadline

    def insist(self, write: Callable[[], T]) -> T:
        """Write, however often that must be tried.

        :raises StoreError: if the store does not answer for too long.
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
        """Write what VoiceInfra answered, however this is stopped; see :meth:`insist`."""
        try:
            self.insist(write)
        except StoreError:
            raise
        except BaseException:
            # Stopped while writing: what is known is written all the same.
            with contextlib.suppress(StoreError):
                write()
            raise

    def release(self, claim: Claim, reason: str) -> None:
        """Release a call that is not sent after all, if the store can be told."""
        with contextlib.suppress(StoreError):
            self._claims.release(claim, reason)


def _warn(_: RetryCallState) -> None:
    log.warning("The call store does not answer; trying again to record what VoiceInfra answered.")
