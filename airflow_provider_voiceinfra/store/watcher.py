"""One watcher per process: notices what becomes of calls, for everybody who waits for them."""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections import defaultdict, deque
from collections.abc import Collection, Mapping

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import StoreError

log = logging.getLogger(__name__)

INTERVAL = 1.0
"""Seconds between two looks for what has arrived."""
SAFETY_INTERVAL = 60.0
"""Seconds between two looks at everything that is waited for, whatever the other looks have seen."""
OVERLAP = 10
"""Looks whose arrivals are read again: on PostgreSQL a smaller id may become visible after a greater one."""

_watchers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Watcher] = weakref.WeakKeyDictionary()


async def wait_for_completions(store: CallStore, call_ids: Collection[str]) -> dict[str, str]:
    """Wait until all calls are completed. Costs no query of its own while it waits.

    :param call_ids: of calls placed here or elsewhere.
    :return: the outcome of each, by ``call_id``.
    """
    return await _watcher(store).completed(call_ids)


async def wait_until_settled(store: CallStore, ref: str) -> None:
    """Wait until a call is neither being placed nor unknown any more.

    :param ref: of a call placed here.
    """
    await _watcher(store).settled(ref)


def _watcher(store: CallStore) -> Watcher:
    loop = asyncio.get_running_loop()
    watcher = _watchers.get(loop)
    if watcher is None or watcher.store is not store:
        watcher = _watchers[loop] = Watcher(store)
    return watcher


class Waiters:
    """Who waits for what: futures by the name of what is waited for."""

    def __init__(self) -> None:
        self._futures: defaultdict[str, set[asyncio.Future[str]]] = defaultdict(set)
        self._joined: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._futures)

    def __contains__(self, name: str) -> bool:
        return name in self._futures

    @property
    def names(self) -> set[str]:
        """All that is waited for."""
        return set(self._futures)

    def join(self, name: str) -> asyncio.Future[str]:
        """Begin to wait."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._futures[name].add(future)
        self._joined.add(name)
        return future

    def leave(self, name: str, future: asyncio.Future[str]) -> None:
        """Wait no more."""
        self._futures[name].discard(future)
        if not self._futures[name]:
            del self._futures[name]

    def newcomers(self) -> set[str]:
        """Give what somebody has begun to wait for since this was asked last."""
        joined, self._joined = self._joined, set()
        return joined & self._futures.keys()

    def look_again(self, names: set[str]) -> None:
        """Count these among the newcomers of the next look."""
        self._joined |= names

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


class Watcher:
    """Looks while somebody waits, one query for all who wait; those who join look together.

    A store that is away for a while fails nobody: waits go on when it is back.
    """

    def __init__(self, store: CallStore) -> None:
        self.store = store
        self._completions = Waiters()
        self._settlements = Waiters()
        self._cursors: deque[int] = deque(maxlen=OVERLAP)
        self._task: asyncio.Task[None] | None = None

    async def completed(self, call_ids: Collection[str]) -> dict[str, str]:
        """Wait until all calls are completed; see :func:`wait_for_completions`."""
        return await self._wait(self._completions, call_ids)

    async def settled(self, ref: str) -> None:
        """Wait until a call is settled; see :func:`wait_until_settled`."""
        await self._wait(self._settlements, [ref])

    async def _wait(self, waiters: Waiters, names: Collection[str]) -> dict[str, str]:
        futures = {name: waiters.join(name) for name in names}
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._watch())
        try:
            return {name: await future for name, future in futures.items()}
        finally:
            for name, future in futures.items():
                waiters.leave(name, future)

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        self._cursors.clear()
        next_full_look, away = loop.time() + SAFETY_INTERVAL, False
        try:
            while self._completions or self._settlements:
                look_up = self._completions.newcomers()
                if loop.time() >= next_full_look:
                    look_up, next_full_look = self._completions.names, loop.time() + SAFETY_INTERVAL
                try:
                    await self._look(look_up)
                    away = False
                except StoreError as error:
                    self._completions.look_again(look_up)
                    if not away:
                        log.warning("The call store is away; waiting goes on until it is back. %s", error)
                    away = True
                await asyncio.sleep(INTERVAL)
        except Exception as error:
            self._completions.fail(error)
            self._settlements.fail(error)
            raise

    async def _look(self, look_up: set[str]) -> None:
        completions = self.store.completions
        if not self._cursors:
            self._cursors.append(await asyncio.to_thread(completions.newest))
        arrived = await asyncio.to_thread(completions.arrived_since, self._cursors[0])
        look_up = look_up | {call_id for _, call_id in arrived if call_id in self._completions}
        if look_up:
            self._completions.wake(await asyncio.to_thread(completions.outcomes, look_up))
        if self._settlements:
            settled = await asyncio.to_thread(self.store.claims.settled, self._settlements.names)
            self._settlements.wake(dict.fromkeys(settled, "settled"))
        self._cursors.append(arrived[-1][0] if arrived else self._cursors[-1])
