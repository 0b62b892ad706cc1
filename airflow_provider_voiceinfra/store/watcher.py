"""One watcher per process: notices completions for everybody who waits for them."""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections import defaultdict, deque
from collections.abc import Collection

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import StoreError

log = logging.getLogger(__name__)

INTERVAL = 1.0
"""Seconds between two looks for what has arrived."""
SAFETY_INTERVAL = 60.0
"""Seconds between two looks at everything that is waited for, whatever the other looks have seen."""
OVERLAP = 10
"""Looks whose arrivals are read again: on PostgreSQL a smaller id may become visible after a greater one."""

_watchers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, CompletionWatcher] = weakref.WeakKeyDictionary()


async def wait_for_completions(store: CallStore, call_ids: Collection[str]) -> dict[str, str]:
    """Wait until all calls are completed. Costs no query of its own while it waits.

    :param call_ids: of calls placed here or elsewhere.
    :return: the outcome of each, by ``call_id``.
    """
    loop = asyncio.get_running_loop()
    watcher = _watchers.get(loop)
    if watcher is None or watcher.store is not store:
        watcher = _watchers[loop] = CompletionWatcher(store)
    return await watcher.wait(call_ids)


class CompletionWatcher:
    """Looks for completions while somebody waits, one query for all who wait.

    A store that is away for a while fails nobody: waits go on when it is back.
    """

    def __init__(self, store: CallStore) -> None:
        self.store = store
        self._waiting: defaultdict[str, set[asyncio.Future[str]]] = defaultdict(set)
        self._joined: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    async def wait(self, call_ids: Collection[str]) -> dict[str, str]:
        """Wait until all calls are completed; see :func:`wait_for_completions`."""
        loop = asyncio.get_running_loop()
        futures = {call_id: loop.create_future() for call_id in call_ids}
        for call_id, future in futures.items():
            self._waiting[call_id].add(future)
        # Looked up at the next look, together with all others who came: nobody looks alone.
        self._joined.update(futures)
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._watch())
        try:
            return {call_id: await future for call_id, future in futures.items()}
        finally:
            for call_id, future in futures.items():
                self._leave(call_id, future)

    def _leave(self, call_id: str, future: asyncio.Future[str]) -> None:
        waiting = self._waiting.get(call_id)
        if waiting is not None:
            waiting.discard(future)
            if not waiting:
                del self._waiting[call_id]

    async def _watch(self) -> None:
        try:
            await self._look_until_nobody_waits()
        except Exception as error:
            for futures in self._waiting.values():
                for future in futures:
                    if not future.done():
                        future.set_exception(error)
            raise

    async def _look_until_nobody_waits(self) -> None:
        completions = self.store.completions
        loop = asyncio.get_running_loop()
        next_full_look = loop.time() + SAFETY_INTERVAL
        cursors: deque[int] = deque(maxlen=OVERLAP)
        away = False
        while self._waiting:
            look_up, self._joined = self._joined, set()
            if loop.time() >= next_full_look:
                look_up |= set(self._waiting)
                next_full_look = loop.time() + SAFETY_INTERVAL
            try:
                if not cursors:
                    cursors.append(await asyncio.to_thread(completions.newest))
                arrived = await asyncio.to_thread(completions.arrived_since, cursors[0])
                look_up |= {call_id for _, call_id in arrived if call_id in self._waiting}
                self._wake(await asyncio.to_thread(completions.outcomes, look_up))
                cursors.append(arrived[-1][0] if arrived else cursors[-1])
                away = False
            except StoreError as error:
                self._joined |= look_up
                if not away:
                    log.warning("The call store is away; waiting goes on until it is back. %s", error)
                away = True
            await asyncio.sleep(INTERVAL)

    def _wake(self, outcomes: dict[str, str]) -> None:
        for call_id, outcome in outcomes.items():
            for future in self._waiting.get(call_id, ()):
                if not future.done():
                    future.set_result(outcome)
