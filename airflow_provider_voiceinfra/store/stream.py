"""One stream per process of the calls that become completed, however many follow it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import weakref
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.completed_calls import CompletedCall, Wanted
from airflow_provider_voiceinfra.store.cursors import NEW_CURSOR
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.notices import notices_of

log = logging.getLogger(__name__)

SPACING = 0.2
"""Seconds between two looks at least: what becomes completed meanwhile shares one."""
INTERVAL = 1.0
"""Seconds between two looks at most: not every call that becomes completed is noticed."""

_streams: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Stream] = weakref.WeakKeyDictionary()


@asynccontextmanager
async def following(store: CallStore, wanted: Wanted) -> AsyncIterator[Follower]:
    """Follow the calls that become completed from now on. Costs no query of its own.

    The newest one of the last day comes first: it may have become completed while nobody followed.

    :param wanted: which of them.
    """
    stream, follower = _stream(store), Follower(wanted)
    stream.join(follower)
    try:
        yield follower
    finally:
        stream.leave(follower)


def _stream(store: CallStore) -> Stream:
    loop = asyncio.get_running_loop()
    stream = _streams.get(loop)
    if stream is None or stream.store is not store:
        stream = _streams[loop] = Stream(store)
    return stream


class Follower:
    """Somebody who follows, and what comes to him.

    :param wanted: of the stream.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.queue: asyncio.Queue[CompletedCall | Exception] = asyncio.Queue()
        self.is_new = True
        self._wanted = wanted

    async def next(self) -> CompletedCall:
        """Wait for the next call.

        :raises Exception: what has ended the stream, if anything has.
        """
        call = await self.queue.get()
        if isinstance(call, Exception):
            raise call
        return call

    def give(self, calls: Iterable[CompletedCall]) -> None:
        """Give those among them that are wanted."""
        for call in calls:
            if self._wanted.includes(call):
                self.queue.put_nowait(call)

    def newest(self, calls: Iterable[CompletedCall]) -> list[CompletedCall]:
        """Find the last one among them that is wanted, if any is."""
        return [call for call in calls if self._wanted.includes(call)][-1:]


class Stream:
    """Looks when something was committed, one query for all who follow.

    A store that is away for a while fails nobody: the stream goes on where it was.
    """

    def __init__(self, store: CallStore) -> None:
        self.store = store
        self._followers: set[Follower] = set()
        self._notices = notices_of(store.database)
        self._wake = asyncio.Event()
        self._place: int | None = None
        self._away = False
        self._task: asyncio.Task[None] | None = None

    def join(self, follower: Follower) -> None:
        """Begin to follow."""
        self._followers.add(follower)
        self._wake.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    def leave(self, follower: Follower) -> None:
        """Follow no more."""
        self._followers.discard(follower)
        self._wake.set()

    async def _run(self) -> None:
        notices = asyncio.get_running_loop().create_task(self._notices.run(self._notice))
        self._place = None
        try:
            while self._followers:
                self._wake.clear()
                started = time.monotonic()
                await self._look()
                await asyncio.sleep(max(0.0, SPACING - (time.monotonic() - started)))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(INTERVAL):
                        await self._wake.wait()
        except Exception as error:
            for follower in self._followers:
                follower.queue.put_nowait(error)
            raise
        finally:
            notices.cancel()

    def _notice(self, _: Collection[str] | None) -> None:
        self._wake.set()

    async def _look(self) -> None:
        followers = set(self._followers)
        joined = {follower for follower in followers if follower.is_new}
        try:
            upto, came, newest = await asyncio.to_thread(self._read, joined)
        except StoreError as error:
            if not self._away:
                log.warning("The call store is away; events go on when it is back. %s", error)
            self._away = True
            return
        self._away, self._place = False, upto
        for follower in followers - joined:
            follower.give(came)
        for follower in joined:
            follower.is_new = False
            follower.give(newest[follower])

    def _read(self, joined: set[Follower]) -> tuple[int, list[CompletedCall], dict[Follower, list[CompletedCall]]]:
        calls = self.store.completed_calls
        upto = calls.last_place()
        came = [] if self._place is None else [call for page in calls.read(self._place, upto) for call in page]
        newest: dict[Follower, list[CompletedCall]] = {follower: [] for follower in joined}
        if joined:
            for page in calls.read(calls.place_before(self.store.database.clock.now() - NEW_CURSOR), upto):
                newest = {follower: follower.newest(page) or found for follower, found in newest.items()}
        return upto, came, newest
