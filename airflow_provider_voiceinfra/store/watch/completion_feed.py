"""The feed of calls that become completed: one in each process serves all subscribers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from typing import ClassVar

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.feed.completed_calls import CompletedCall, CompletionFilter
from airflow_provider_voiceinfra.store.feed.cursors import NEW_CURSOR
from airflow_provider_voiceinfra.store.watch.watch_loop import WatchLoop


@asynccontextmanager
async def subscribed(store: CallStore, wanted: CompletionFilter) -> AsyncIterator[Subscriber]:
    """Subscribe to the calls that become completed from now on. Costs no query of its own.

    The newest call of the last day comes first, because it may have completed while there was no subscriber.
    """
    feed, subscriber = CompletionFeed.shared(store), Subscriber(wanted)
    feed.subscribers.add(subscriber)
    try:
        yield subscriber
    finally:
        feed.subscribers.discard(subscriber)


class Subscriber:
    """A subscription, and the queue of its calls."""

    def __init__(self, wanted: CompletionFilter) -> None:
        self.queue: asyncio.Queue[CompletedCall | Exception] = asyncio.Queue()
        self.is_new = True
        self._wanted = wanted

    async def next(self) -> CompletedCall:
        """Wait for the next call.

        :raises Exception: the error that has ended the feed, if any.
        """
        call = await self.queue.get()
        if isinstance(call, Exception):
            raise call
        return call

    def deliver(self, calls: Iterable[CompletedCall]) -> None:
        """Queue those of these calls that are wanted."""
        for call in calls:
            if self._wanted.includes(call):
                self.queue.put_nowait(call)

    def newest(self, calls: Iterable[CompletedCall]) -> list[CompletedCall]:
        """Return the last of these calls that is wanted, if any."""
        return [call for call in calls if self._wanted.includes(call)][-1:]


class CompletionFeed(WatchLoop):
    """Delivers the calls that become completed to each subscriber, in order, each once."""

    spacing: ClassVar[float] = 0.2

    def __init__(self, store: CallStore) -> None:
        super().__init__(store)
        self.subscribers: set[Subscriber] = set()
        self._position: int | None = None

    def has_subscribers(self) -> bool:
        """Return whether there is a subscriber."""
        return bool(self.subscribers)

    def needs_polling(self) -> bool:
        """Return True: an answer that is recorded after its completion completes a call without a notice."""
        return True

    async def check(self, noticed: Collection[str], *, scan: bool) -> None:  # noqa: ARG002 - each check is a scan
        """Read the calls that became completed since the last check, and deliver them to the subscribers."""
        subscribers = set(self.subscribers)
        joined = {subscriber for subscriber in subscribers if subscriber.is_new}
        self._position, new, newest = await asyncio.to_thread(self._read, joined)
        for subscriber in subscribers - joined:
            subscriber.deliver(new)
        for subscriber in joined:
            subscriber.is_new = False
            subscriber.deliver(newest[subscriber])

    def fail(self, error: Exception) -> None:
        """Raise an error at each subscriber."""
        for subscriber in self.subscribers:
            subscriber.queue.put_nowait(error)

    def _read(self, joined: set[Subscriber]) -> tuple[int, list[CompletedCall], dict[Subscriber, list[CompletedCall]]]:
        calls = self.store.completed_calls
        upto = calls.last_position()
        new = [] if self._position is None else [call for page in calls.read(self._position, upto) for call in page]
        newest: dict[Subscriber, list[CompletedCall]] = {subscriber: [] for subscriber in joined}
        if joined:
            for page in calls.read(calls.position_before(self.store.database.clock.now() - NEW_CURSOR), upto):
                newest = {subscriber: subscriber.newest(page) or found for subscriber, found in newest.items()}
        return upto, new, newest
