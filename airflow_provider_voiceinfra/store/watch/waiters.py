"""The waiters of one process, by name."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping


class Waiters:
    """Futures by name, such as a ``call_id``."""

    def __init__(self) -> None:
        self._futures: dict[str, list[asyncio.Future[str]]] = {}
        self._joined: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._futures)

    def among(self, names: Collection[str]) -> set[str]:
        """Return those of these names that have waiters."""
        return {name for name in names if name in self._futures}

    def join(self, name: str) -> asyncio.Future[str]:
        """Start to wait for a name."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._futures.setdefault(name, []).append(future)
        self._joined.add(name)
        return future

    def leave(self, name: str, future: asyncio.Future[str]) -> None:
        """Stop waiting."""
        self._futures[name].remove(future)
        if not self._futures[name]:
            del self._futures[name]

    def to_check(self, *, everything: bool) -> set[str]:
        """Return the names that have waiters: all of them, or those that were joined since the last call."""
        joined, self._joined = self._joined, set()
        return set(self._futures) if everything else joined & self._futures.keys()

    def wake(self, results: Mapping[str, str]) -> None:
        """End waits with their results."""
        for name, result in results.items():
            for future in self._futures.get(name, ()):
                if not future.done():
                    future.set_result(result)

    def fail(self, error: Exception) -> None:
        """End all waits with an error."""
        for futures in self._futures.values():
            for future in futures:
                if not future.done():
                    future.set_exception(error)
