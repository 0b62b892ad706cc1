"""The loop behind every wait: check the store when something was committed, and from time to time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import ClassVar, Self

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.watch.commit_listener import listener_for

log = logging.getLogger(__name__)

POLL_INTERVAL = 1.0
"""Seconds between two scans if changes may happen without a notice, or the store is unavailable."""
SAFETY_INTERVAL = 10.0
"""Seconds between two scans otherwise, because a notice may be lost."""

_shared: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[type[WatchLoop], WatchLoop]]
_shared = weakref.WeakKeyDictionary()


class WatchLoop(ABC):
    """Checks the store until the last subscriber has left, one check for all of them.

    A store that is unavailable for a while fails no subscriber: the loop continues when it is back.
    """

    spacing: ClassVar[float]
    """Seconds between two checks, at least: changes in between share one."""

    def __init__(self, store: CallStore) -> None:
        self.store = store
        self.listener = listener_for(store.database)
        self._wake = asyncio.Event()
        self._scan = True
        self._last_scan = 0.0
        self._noticed: set[str] = set()
        self._is_unavailable = False
        self.task = asyncio.get_running_loop().create_task(self._run())

    @classmethod
    def shared(cls, store: CallStore) -> Self:
        """Return the loop that runs in this event loop, which a subscriber must join immediately."""
        running = _shared.setdefault(asyncio.get_running_loop(), {})
        found = running.get(cls)
        if not isinstance(found, cls) or found.store is not store or found.task.done():
            found = running[cls] = cls(store)
        found._wake.set()
        return found

    @abstractmethod
    def has_subscribers(self) -> bool:
        """Return whether there is a subscriber."""

    @abstractmethod
    def needs_polling(self) -> bool:
        """Return whether changes that subscribers wait for may happen without a notice."""

    @abstractmethod
    async def check(self, noticed: Collection[str], *, scan: bool) -> None:
        """Check the store, and notify subscribers.

        :param noticed: the ``call_id`` of completions that have just arrived.
        :param scan: look for all changes, noticed or not.
        :raises StoreError: if the store is unavailable; the check is repeated soon, as a scan.
        """

    @abstractmethod
    def fail(self, error: Exception) -> None:
        """Notify subscribers that an error has ended the loop."""

    async def _run(self) -> None:
        listening = asyncio.get_running_loop().create_task(self.listener.run(self._notice))
        try:
            while self.has_subscribers():
                self._wake.clear()
                await self._check()
                await asyncio.sleep(self.spacing)
                await self._until_due()
        except Exception as error:
            self.fail(error)
            raise
        finally:
            listening.cancel()

    def _notice(self, call_ids: Collection[str] | None) -> None:
        self._scan |= call_ids is None
        self._noticed.update(call_ids or ())
        self._wake.set()

    async def _check(self) -> None:
        scan, self._scan = self._scan, False
        noticed, self._noticed = self._noticed, set()
        if scan:
            self._last_scan = time.monotonic()
        try:
            await self.check(noticed, scan=scan)
        except StoreError as error:
            self._scan = True
            if not self._is_unavailable:
                log.warning("The call store is unavailable; waiting continues when it is back. %s", error)
            self._is_unavailable = True
        else:
            self._is_unavailable = False

    async def _until_due(self) -> None:
        polls = self._is_unavailable or not self.listener.listening or self.needs_polling()
        due = self._last_scan + (POLL_INTERVAL if polls else SAFETY_INTERVAL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(due - time.monotonic()):
                await self._wake.wait()
        # New subscribers wake the loop too; however many there are, they do not delay a scan.
        self._scan |= time.monotonic() >= due
