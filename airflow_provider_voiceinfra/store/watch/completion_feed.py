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

    The newest one of the last day comes first: it may have become completed while nobody was subscribed.

    :param wanted: which of them.
    """
    feed, subscriber = CompletionFeed.shared(store), Subscriber(wanted)
    feed.subscribers.add(subscriber)
    try:
        yield subscriber
    finally:
        feed.subscribers.discard(subscriber)


class Subscriber:
    """A subscription, and the calls that came for it.

    :param wanted: which calls are to come.
    """

    def __init__(self, wanted: CompletionFilter) -> None:
        self.queue: asyncio.Queue[CompletedCall | Exception] = asyncio.Queue()
        self.is_new = True
        self._wanted = wanted

    async def next(self) -> CompletedCall:
        """Wait for the next call.

        :raises Exception: what has ended the feed, if anything has.
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


class CompletionFeed(WatchLoop):
    """Gives each subscriber the calls that become completed, in their order, each once."""

    spacing: ClassVar[float] = 0.2

    def __init__(self, store: CallStore) -> None:
        super().__init__(store)
        self.subscribers: set[Subscriber] = set()
        self._position: int | None = None

    def has_subscribers(self) -> bool:
        """Tell whether anybody is subscribed."""
        return bool(self.subscribers)

    def needs_polling(self) -> bool:
        """Say yes: a call may become completed without a notice, such as by an answer recorded after its completion."""
        return True

    async def check(self, noticed: Collection[str], *, scan: bool) -> None:  # noqa: ARG002 - each check is a scan
        """Read what became completed since the last check, and give it to the subscribers."""
        subscribers = set(self.subscribers)
        joined = {subscriber for subscriber in subscribers if subscriber.is_new}
        self._position, came, newest = await asyncio.to_thread(self._read, joined)
        for subscriber in subscribers - joined:
            subscriber.give(came)
        for subscriber in joined:
            subscriber.is_new = False
            subscriber.give(newest[subscriber])

    def fail(self, error: Exception) -> None:
        """Raise an error at each subscriber."""
        for subscriber in self.subscribers:
            subscriber.queue.put_nowait(error)

    def _read(self, joined: set[Subscriber]) -> tuple[int, list[CompletedCall], dict[Subscriber, list[CompletedCall]]]:
        calls = self.store.completed_calls
        upto = calls.last_position()
        came = [] if self._position is None else [call for page in calls.read(self._position, upto) for call in page]
        newest: dict[Subscriber, list[CompletedCall]] = {subscriber: [] for subscriber in joined}
        if joined:
            for page in calls.read(calls.position_before(self.store.database.clock.now() - NEW_CURSOR), upto):
                newest = {subscriber: subscriber.newest(page) or found for subscriber, found in newest.items()}
        return upto, came, newest
