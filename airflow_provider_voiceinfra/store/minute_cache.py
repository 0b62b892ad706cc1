"""Caches what pages show to many visitors, and is slow to read, for a minute."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

CACHED_FOR = 60.0
"""Seconds for which a result is shown before it is read again."""
MAX_CACHED = 100
"""Results that are cached at a time."""

Key = TypeVar("Key", bound=Hashable)
Result = TypeVar("Result")


@dataclass(slots=True)
class _Cached(Generic[Result]):
    """A cached result, or a placeholder that the thread with the lock fills."""

    expires_at: float
    results: list[Result] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class MinuteCache(Generic[Key, Result]):
    """Caches results by key.

    :param monotonic: a clock, in seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._cached: dict[Key, _Cached[Result]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Return the number of results that are cached."""
        return len(self._cached)

    def get(self, key: Key, read: Callable[[], Result]) -> Result:
        """Return the result of a key, which is read if none is cached."""
        cached = self._find(key)
        # Visitors who look at the same figures at the same time wait for one query.
        with cached.lock:
            if not cached.results:
                cached.results.append(read())
            return cached.results[0]

    def _find(self, key: Key) -> _Cached[Result]:
        now = self._monotonic()
        with self._lock:
            self._cached = {each: cached for each, cached in self._cached.items() if cached.expires_at > now}
            if key not in self._cached:
                if len(self._cached) == MAX_CACHED:
                    del self._cached[next(iter(self._cached))]
                self._cached[key] = _Cached(now + CACHED_FOR)
            return self._cached[key]
