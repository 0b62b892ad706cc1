"""An append-only list that can be waited on, which avoids polling."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Log(Generic[T]):
    """Entries in the order of arrival; thread-safe.

    :param listener: called with each new entry, in the thread that adds it
    """

    def __init__(self, listener: Callable[[T], None] | None = None) -> None:
        self._entries: list[T] = []
        self._changed = threading.Condition()
        self._closed = False
        self._listener = listener

    def add(self, entry: T) -> None:
        """Append an entry, and wake all waiters."""
        with self._changed:
            self._entries.append(entry)
            self._changed.notify_all()
        if self._listener is not None:
            self._listener(entry)

    def entries(self) -> list[T]:
        """Return a copy of all entries so far."""
        with self._changed:
            return list(self._entries)

    def wait_for_count(self, n: int, timeout: float, what: str) -> list[T]:
        """Return all entries as soon as there are ``n`` of them.

        :raises TimeoutError: if there are fewer after so many seconds
        """
        if not self._wait(lambda entries: len(entries) >= n, timeout):
            msg = f"{len(self.entries())} {what} instead of {n} after {timeout:g} s"
            raise TimeoutError(msg)
        return self.entries()

    def wait_for_any(self, fits: Callable[[T], bool], timeout: float) -> bool:
        """Wait until one entry fits.

        :return: False if the timeout expires or the log is closed before
        """
        return self._wait(lambda entries: any(map(fits, entries)), timeout)

    def close(self) -> None:
        """Release all waiters."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _wait(self, enough: Callable[[list[T]], bool], timeout: float) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or enough(self._entries), timeout)
            return enough(self._entries)
