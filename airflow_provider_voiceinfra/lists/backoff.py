"""Backoff of a whole list while VoiceInfra accepts no calls."""

from __future__ import annotations

import logging
import random
from datetime import datetime, timedelta

from airflow_provider_voiceinfra.calls.retry import RetryPolicy
from airflow_provider_voiceinfra.errors import CallNotSentError
from airflow_provider_voiceinfra.store.call_store import CallStore

log = logging.getLogger(__name__)

_LONGEST_RETRY_AFTER = timedelta(days=1).total_seconds()


class ListBackoff:
    """Pauses a list after VoiceInfra has accepted no call, for longer each time.

    The end of the wait is kept in the call store, for the next try of the task. After a wait, one call is placed at a
    time until VoiceInfra accepts one.
    """

    def __init__(self, store: CallStore, list_id: str, policy: RetryPolicy) -> None:
        self._store = store
        self._list_id = list_id
        self._policy = policy
        self.resume_at: datetime | None = store.lists.resume_at(list_id)
        self._failures = 0 if self.resume_at is None else 1

    @property
    def is_careful(self) -> bool:
        """Whether one call at a time is placed."""
        return self._failures > 0

    def left(self) -> float:
        """Return the seconds until calls are placed again."""
        if self.resume_at is None:
            return 0.0
        return max(0.0, (self.resume_at - self._store.database.clock.now()).total_seconds())

    def failed(self, error: CallNotSentError) -> None:
        """Wait for as long as VoiceInfra asks, or longer each time."""
        is_waiting = self.left() > 0
        if not is_waiting:
            # Calls that were sent together count as one failure.
            self._failures += 1
        policy = self._policy
        pause = min(policy.longest, policy.base * 2.0 ** min(self._failures - 1, 16)) * random.uniform(0.5, 1.0)  # noqa: S311
        if error.retry_after is not None:
            pause = min(error.retry_after, _LONGEST_RETRY_AFTER) + pause / 2
        resume_at = self._store.database.clock.now() + timedelta(seconds=pause)
        if self.resume_at is not None and resume_at <= self.resume_at:
            return
        self._set(resume_at)
        if not is_waiting:
            until = f"{resume_at:%Y-%m-%d %H:%M:%S}"
            log.warning("%s List %s places no calls until %s UTC.", error, self._list_id, until)

    def succeeded(self) -> None:
        """Return to full speed, because VoiceInfra has answered."""
        if self._failures and not self.left():
            self._failures = 0
            self._set(None)

    def _set(self, resume_at: datetime | None) -> None:
        self.resume_at = resume_at
        self._store.lists.wait_until(self._list_id, resume_at)
