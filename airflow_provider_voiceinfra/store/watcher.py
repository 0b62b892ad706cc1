"""One watcher per process: notices what becomes of calls, for everybody who waits for them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import weakref
from collections import deque
from collections.abc import Collection

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.notices import notices_of
from airflow_provider_voiceinfra.store.waiters import Waiters

log = logging.getLogger(__name__)

SPACING = 0.02
"""Seconds between two looks at least: what arrives meanwhile shares one."""
INTERVAL = 1.0
"""Seconds between two looks where commits are not noticed by themselves."""
SAFETY_INTERVAL = 10.0
"""Seconds between two looks where they are: a notice may be lost."""
FULL_INTERVAL = 60.0
"""Seconds between two looks at everything that is waited for, whatever the other looks have seen."""
OVERLAP = 15.0
"""Seconds of arrivals that are read again: on PostgreSQL a smaller id may become visible after a greater one."""
_IN_FLIGHT = 1_000
"""Ids before the newest one that may not be visible yet."""

_watchers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Watcher] = weakref.WeakKeyDictionary()


async def wait_for_completions(store: CallStore, call_ids: Collection[str]) -> dict[str, str]:
    """Wait until all calls are completed. Costs no query of its own while it waits.

    :param call_ids: of calls placed here or elsewhere.
    :return: the outcome of each, by ``call_id``.
    """
    watcher = _watcher(store)
    return await watcher.wait(watcher.completions, call_ids)


async def wait_until_settled(store: CallStore, ref: str) -> None:
    """Wait until a call is neither being placed nor unknown any more.

    :param ref: of a call placed here.
    """
    watcher = _watcher(store)
    await watcher.wait(watcher.settlements, [ref])


async def wait_until_released(store: CallStore, hold_id: int) -> None:
    """Wait until a hold is released."""
    watcher = _watcher(store)
    await watcher.wait(watcher.releases, [str(hold_id)])


def _watcher(store: CallStore) -> Watcher:
    loop = asyncio.get_running_loop()
    watcher = _watchers.get(loop)
    if watcher is None or watcher.store is not store:
        watcher = _watchers[loop] = Watcher(store)
    return watcher


class Watcher:
    """Looks when something was committed, one query for all who wait; those who join look together.

    A store that is away for a while fails nobody: waits go on when it is back.
    """

    def __init__(self, store: CallStore) -> None:
        self.store = store
        self.completions = Waiters()
        self.settlements = Waiters()
        self.releases = Waiters()
        self._notices = notices_of(store.database)
        self._arrivals = Arrivals(store)
        self._wake = asyncio.Event()
        self._noticed: set[str] = set()
        self._scan = True
        self._last_scan = 0.0
        self._next_full_look = 0.0
        self._away = False
        self._task: asyncio.Task[None] | None = None

    async def wait(self, waiters: Waiters, names: Collection[str]) -> dict[str, str]:
        """Wait for all of these.

        :param waiters: the watcher's own, of what is waited for.
        """
        # A name that is given twice is waited for once: who joins must leave.
        futures = {name: waiters.join(name) for name in dict.fromkeys(names)}
        self._wake.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._watch())
        try:
            return {name: await future for name, future in futures.items()}
        finally:
            for name, future in futures.items():
                waiters.leave(name, future)

    async def _watch(self) -> None:
        notices = asyncio.get_running_loop().create_task(self._notices.run(self._notice))
        self._arrivals.forget()
        self._scan, self._next_full_look = True, time.monotonic() + FULL_INTERVAL
        try:
            while self.completions or self.settlements or self.releases:
                self._wake.clear()
                await self._look()
                await asyncio.sleep(SPACING)
                await self._something_happens()
        except Exception as error:
            self.completions.fail(error)
            self.settlements.fail(error)
            self.releases.fail(error)
            raise
        finally:
            notices.cancel()

    def _notice(self, call_ids: Collection[str] | None) -> None:
        if call_ids is None:
            self._scan = True
        else:
            self._noticed |= self.completions.among(call_ids)
        if self._scan or self._noticed:
            self._wake.set()

    async def _something_happens(self) -> None:
        # What becomes of claims and holds is not noticed by itself.
        asking = self._away or self.settlements or self.releases or not self._notices.listening
        next_scan = self._last_scan + (INTERVAL if asking else SAFETY_INTERVAL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(next_scan - time.monotonic()):
                await self._wake.wait()
        # Those who join wake us too: however many they are, the others' turn comes.
        self._scan |= time.monotonic() >= next_scan

    async def _look(self) -> None:
        look_up, now = self.completions.newcomers() | self._noticed, time.monotonic()
        scan, self._scan, self._noticed = self._scan, False, set()
        if scan:
            self._last_scan = now
        if now >= self._next_full_look:
            look_up, self._next_full_look = self.completions.names, now + FULL_INTERVAL
        try:
            if scan:
                look_up |= self.completions.among(await asyncio.to_thread(self._arrivals.read))
            if look_up:
                self.completions.wake(await asyncio.to_thread(self.store.completions.outcomes, look_up))
            if self.settlements:
                settled = await asyncio.to_thread(self.store.claims.settled, self.settlements.names)
                self.settlements.wake(dict.fromkeys(settled, "settled"))
            if self.releases:
                released = await asyncio.to_thread(self.store.holds.released, list(map(int, self.releases.names)))
                self.releases.wake(dict.fromkeys(map(str, released), "released"))
        except StoreError as error:
            self.completions.look_again(look_up)
            self._scan = True
            if not self._away:
                log.warning("The call store is away; waiting goes on until it is back. %s", error)
            self._away = True
        else:
            self._away = False


class Arrivals:
    """Reads which completions have arrived since it was asked last."""

    def __init__(self, store: CallStore) -> None:
        self._store = store
        # One writer at a time: SQLite's ids become visible in their order.
        self._overlap = 0.0 if store.database.is_sqlite else OVERLAP
        self._read: deque[tuple[float, int]] = deque()

    def forget(self) -> None:
        """Begin anew, with what arrives from now on."""
        self._read.clear()

    def read(self) -> list[str]:
        """Give their ``call_id``; some may have been given before."""
        completions, now = self._store.completions, time.monotonic()
        if not self._read:
            self._read.append((now, max(0, completions.newest() - _IN_FLIGHT)))
        while len(self._read) > 1 and self._read[1][0] <= now - self._overlap:
            self._read.popleft()
        arrived = completions.arrived_since(self._read[0][1])
        self._read.append((now, max(arrived[-1][0] if arrived else 0, self._read[-1][1])))
        return [call_id for _, call_id in arrived]
