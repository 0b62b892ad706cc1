"""How often a request that was not accepted is sent again within one try of a task."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Exponential backoff with jitter, up to a limit and a deadline.

    :param attempts: maximum number of POSTs.
    :param deadline: seconds from the first POST after which none is sent again.
    :param base: seconds before the second POST; doubled each time.
    :param longest: maximum number of seconds between two POSTs, unless VoiceInfra asks for more.
    """

    attempts: int = 5
    deadline: float = 60.0
    base: float = 1.0
    longest: float = 20.0


class Backoff:
    """The pauses of one call's attempts."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._attempts = 1
        self._end = time.monotonic() + policy.deadline

    def pause(self, retry_after: float | None) -> float | None:
        """Return the seconds to wait before the next attempt; None if there is no attempt or time left.

        :param retry_after: the seconds that VoiceInfra asks to wait, if it does.
        """
        policy = self._policy
        if self._attempts >= policy.attempts:
            return None
        doubled = policy.base * float(1 << (self._attempts - 1))
        pause = min(policy.longest, doubled) * random.uniform(0.5, 1.0)  # noqa: S311
        if retry_after is not None:
            # So that clients that are told the same time do not return all at once.
            pause = retry_after + pause / 2
        if time.monotonic() + pause > self._end:
            return None
        self._attempts += 1
        return pause
