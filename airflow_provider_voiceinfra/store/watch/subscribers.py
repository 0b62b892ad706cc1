"""Who waits for what."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping


class Waiters:
    """Futures by the name of what is waited for."""

    def __init__(self) -> None:
        self._futures: dict[str, list[asyncio.Future[str]]] = {}
        self._joined: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._futures)

    def among(self, names: Collection[str]) -> set[str]:
        """Give those that somebody waits for."""
        return {name for name in names if name in self._futures}

    def join(self, name: str) -> asyncio.Future[str]:
        """Begin to wait."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._futures.setdefault(name, []).append(future)
        self._joined.add(name)
        return future

    def leave(self, name: str, future: asyncio.Future[str]) -> None:
        """Wait no more."""
        self._futures[name].remove(future)
        if not self._futures[name]:
            del self._futures[name]

    def to_check(self, *, everything: bool) -> set[str]:
        """Give what is waited for: everything, or what somebody began to wait for since the last time."""
        joined, self._joined = self._joined, set()
        return set(self._futures) if everything else joined & self._futures.keys()

    def wake(self, results: Mapping[str, str]) -> None:
        """Give those who wait what they wait for."""
        for name, result in results.items():
            for future in self._futures.get(name, ()):
                if not future.done():
                    future.set_result(result)

    def fail(self, error: Exception) -> None:
        """Let nobody wait for what will not come."""
        for futures in self._futures.values():
            for future in futures:
                if not future.done():
                    future.set_exception(error)
