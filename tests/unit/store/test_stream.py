"""Each subscriber gets each call that becomes completed, by one check for all."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AsyncExitStack

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.store.errors import StoreUnavailableError
from airflow_provider_voiceinfra.store.feed.completed_calls import CompletionFilter
from airflow_provider_voiceinfra.store.watch import watch_loop
from airflow_provider_voiceinfra.store.watch.completion_feed import CompletionFeed, subscribed
from tests.support.store_samples import claim, deliver, queued

ANY = CompletionFilter()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(CompletionFeed, "spacing", 0.02)
    monkeypatch.setattr(watch_loop, "POLL_INTERVAL", 0.1)


def run(main):
    async def in_time():
        async with asyncio.timeout(120):
            return await main

    return asyncio.run(in_time())


def complete(store, call_id, **changes):
    outcome = changes.pop("call_outcome", "answered")
    queued(store, call_id, **changes)
    deliver(store, call_id, call_outcome=outcome)


async def joined(store):
    """Wait until the feed has checked for each subscriber."""
    while any(subscriber.is_new for subscriber in CompletionFeed.shared(store).subscribers):
        await asyncio.sleep(0.01)


async def next_of(calls):
    return (await calls.next()).call_id


def test_each_call_that_becomes_completed_comes_once_in_order(store, open_store):
    async def main():
        async with subscribed(store, ANY) as calls:
            await joined(store)
            for number in range(5):
                await asyncio.to_thread(complete, open_store(), f"call-{number}")
            came = [await next_of(calls) for _ in range(5)]
            await asyncio.sleep(0.3)
            assert calls.queue.empty()
            return came

    assert run(main()) == [f"call-{number}" for number in range(5)]


def test_it_comes_as_soon_as_its_completion_is_committed(store, open_store, monkeypatch):
    monkeypatch.setattr(watch_loop, "POLL_INTERVAL", 600)
    queued(store, "call-1")

    async def main():
        async with subscribed(store, ANY) as calls:
            await joined(store)
            while not CompletionFeed.shared(store).listener.listening:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(deliver, open_store(), "call-1")
            return await next_of(calls)

    assert run(main()) == "call-1"


def test_so_does_one_whose_answer_is_recorded_after_its_completion(store, open_store):
    ours = claim(store)
    deliver(store, "call-1")

    async def main():
        async with subscribed(store, ANY) as calls:
            await joined(store)
            await asyncio.to_thread(open_store().claims.record_queued, ours, "call-1")
            return await next_of(calls)

    assert run(main()) == "call-1"


def test_only_what_is_wanted_comes(store, open_store):
    async def main():
        async with AsyncExitStack() as stack:
            wishes = [
                CompletionFilter(outcomes=["voicemail"]),
                CompletionFilter(agent_id="other"),
                CompletionFilter(foreign=True),
                CompletionFilter(foreign=True, placed_here=False),
            ]
            subscribers = [await stack.enter_async_context(subscribed(store, wanted)) for wanted in wishes]
            await joined(store)
            other = open_store()
            await asyncio.to_thread(complete, other, "a", call_outcome="voicemail")
            await asyncio.to_thread(complete, other, "b", agent_id="other")
            await asyncio.to_thread(deliver, other, "c")
            counts = (1, 1, 3, 1)
            came = [
                [await next_of(each) for _ in range(count)] for each, count in zip(subscribers, counts, strict=True)
            ]
            assert all(each.queue.empty() for each in subscribers)
            return came

    assert run(main()) == [["a"], ["b"], ["a", "b", "c"], ["c"]]


def test_the_newest_that_ended_while_nobody_was_subscribed_comes_first(store):
    for call_id, outcome in (("a", "answered"), ("b", "voicemail"), ("c", "answered")):
        complete(store, call_id, call_outcome=outcome)

    async def main():
        async with (
            subscribed(store, ANY) as calls,
            subscribed(store, CompletionFilter(outcomes=["voicemail"])) as voicemails,
            subscribed(store, CompletionFilter(outcomes=["failed"])) as failed,
        ):
            await joined(store)
            return await next_of(calls), await next_of(voicemails), failed.queue.empty()

    assert run(main()) == ("c", "b", True)


def test_many_subscribers_share_one_check(store, monkeypatch):
    complete(store, "a")
    asked, queries, read = [], [], CompletionFeed._read

    def counted(self, joined):
        asked.clear()
        found = read(self, joined)
        queries.append(asked.count(threading.get_ident()))
        return found

    monkeypatch.setattr(CompletionFeed, "_read", counted)
    sa.event.listen(store.database.engine, "before_cursor_execute", lambda *_: asked.append(threading.get_ident()))

    async def queries_with(subscribers):
        async with AsyncExitStack() as stack:
            for _ in range(subscribers):
                await stack.enter_async_context(subscribed(store, ANY))
            await joined(store)
            checks = len(queries)
            while len(queries) == checks:
                await asyncio.sleep(0.01)
            return queries[checks]

    assert run(queries_with(200)) == run(queries_with(1))


def test_a_store_that_is_away_for_a_while_ends_nothing(store, open_store, monkeypatch, caplog):
    last_position, away = store.completed_calls.last_position, [True]

    def sometimes():
        if away[0]:
            raise StoreUnavailableError("url", "gone")
        return last_position()

    monkeypatch.setattr(store.completed_calls, "last_position", sometimes)

    async def reported(times):
        while caplog.text.count("The call store is unavailable") < times:
            await asyncio.sleep(0.01)

    async def main():
        async with subscribed(store, ANY) as calls:
            await reported(1)
            await asyncio.to_thread(complete, open_store(), "call-1")
            away[0] = False
            assert await next_of(calls) == "call-1"
            away[0] = True
            await reported(2)
            for number in (2, 3):
                await asyncio.to_thread(complete, open_store(), f"call-{number}")
            away[0] = False
            return [await next_of(calls), await next_of(calls)]

    assert run(main()) == ["call-2", "call-3"]
    assert caplog.text.count("The call store is unavailable") == 2


def test_subscribing_again_after_nobody_was_subscribed_works(store, open_store):
    async def main():
        for number in range(3):
            async with subscribed(store, CompletionFilter(agent_id=f"agent-{number}")) as calls:
                await joined(store)
                await asyncio.to_thread(complete, open_store(), f"call-{number}", agent_id=f"agent-{number}")
                assert await next_of(calls) == f"call-{number}"
            await asyncio.sleep(0.05)

    run(main())


def test_what_ends_the_feed_is_told(store, monkeypatch):
    monkeypatch.setattr(store.completed_calls, "last_position", lambda: 1 / 0)

    async def main():
        async with subscribed(store, ANY) as calls:
            await calls.next()

    with pytest.raises(ZeroDivisionError):
        run(main())
