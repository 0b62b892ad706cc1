"""Waiting for calls: one watcher in each process serves all waits."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Collection
from typing import ClassVar

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.watch.waiters import Waiters
from airflow_provider_voiceinfra.store.watch.watch_loop import WatchLoop

FULL_INTERVAL = 60.0
"""Seconds between two checks of all waiters, independent of other checks."""
OVERLAP = 15.0
"""Seconds of arrivals that are read again, because on PostgreSQL ids may become visible out of order."""
# The number of ids before the newest one that may not be visible yet.
_IN_FLIGHT = 1_000


async def wait_for_completions(store: CallStore, call_ids: Collection[str]) -> dict[str, str]:
    """Wait until all calls are completed. Costs no query of its own while it waits.

    :param call_ids: calls placed here or elsewhere.
    :return: the outcome of each, by ``call_id``.
    """
    watcher = CallWatcher.shared(store)
    return await watcher.wait(watcher.completions, call_ids)


async def wait_until_settled(store: CallStore, ref: str) -> None:
    """Wait until a call is no longer claimed or unknown."""
    watcher = CallWatcher.shared(store)
    await watcher.wait(watcher.settlements, [ref])


async def wait_until_resumed(store: CallStore, pause_id: int) -> None:
    """Wait until a pause has ended."""
    watcher = CallWatcher.shared(store)
    await watcher.wait(watcher.resumptions, [str(pause_id)])


class CallWatcher(WatchLoop):
    """Wakes the waiters for calls and for the end of pauses."""

    spacing: ClassVar[float] = 0.02

    def __init__(self, store: CallStore) -> None:
        super().__init__(store)
        self.completions = Waiters()
        self.settlements = Waiters()
        self.resumptions = Waiters()
        self._arrivals = Arrivals(store)
        self._next_full_check = time.monotonic() + FULL_INTERVAL

    async def wait(self, waiters: Waiters, names: Collection[str]) -> dict[str, str]:
        """Wait for all of these names."""
        # A repeated name is joined once, because each future that joins must leave.
        futures = {name: waiters.join(name) for name in dict.fromkeys(names)}
        try:
            return {name: await future for name, future in futures.items()}
        finally:
            for name, future in futures.items():
                waiters.leave(name, future)

    def has_subscribers(self) -> bool:
        """Return whether there is a waiter."""
        return any((self.completions, self.settlements, self.resumptions))

    def needs_polling(self) -> bool:
        """Return whether there is a waiter for changes of which PostgreSQL does not notify."""
        return any((self.settlements, self.resumptions))

    async def check(self, noticed: Collection[str], *, scan: bool) -> None:
        """Check the store, and wake the waiters whose wait is over."""
        try:
            await self._check_completions(noticed, scan=scan)
            if refs := self.settlements.to_check(everything=scan):
                settled = await asyncio.to_thread(self.store.claims.settled, refs)
                self.settlements.wake(dict.fromkeys(settled, "settled"))
            if ids := self.resumptions.to_check(everything=scan):
                resumed = await asyncio.to_thread(self.store.pauses.resumed, list(map(int, ids)))
                self.resumptions.wake(dict.fromkeys(map(str, resumed), "resumed"))
        except StoreError:
            self._next_full_check = 0.0
            raise

    async def _check_completions(self, noticed: Collection[str], *, scan: bool) -> None:
        now = time.monotonic()
        is_full = now >= self._next_full_check
        call_ids = self.completions.to_check(everything=is_full) | self.completions.among(noticed)
        if scan:
            call_ids |= self.completions.among(await asyncio.to_thread(self._arrivals.read))
        if call_ids:
            self.completions.wake(await asyncio.to_thread(self.store.completions.outcomes, call_ids))
        if is_full:
            self._next_full_check = now + FULL_INTERVAL

    def fail(self, error: Exception) -> None:
        """End all waits with an error."""
        for waiters in (self.completions, self.settlements, self.resumptions):
            waiters.fail(error)


class Arrivals:
    """Reads which completions arrived since the last time."""

    def __init__(self, store: CallStore) -> None:
        self._store = store
        # SQLite has one writer at a time, so ids become visible in order.
        self._overlap = 0.0 if store.database.is_sqlite else OVERLAP
        self._read: deque[tuple[float, int]] = deque()

    def read(self) -> list[str]:
        """Return their ``call_id``; some may be returned twice."""
        completions, now = self._store.completions, time.monotonic()
        if not self._read:
            self._read.append((now, max(0, completions.newest() - _IN_FLIGHT)))
        while len(self._read) > 1 and self._read[1][0] <= now - self._overlap:
            self._read.popleft()
        arrived = completions.arrived_since(self._read[0][1])
        self._read.append((now, max(arrived[-1][0] if arrived else 0, self._read[-1][1])))
        return [call_id for _, call_id in arrived]
