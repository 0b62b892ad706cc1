"""Whoever waits for a call is woken by its completion, whatever is lost on the way."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime

import psycopg
import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.errors import StoreUnavailableError
from airflow_provider_voiceinfra.store.notify import CHANNEL, _payloads, notify
from airflow_provider_voiceinfra.store.watch import commit_listener, watch_loop, watcher
from airflow_provider_voiceinfra.store.watch.watcher import CallWatcher, wait_for_completions, wait_until_settled
from tests.support.store_samples import claim, deliver

LONG = 600.0


@pytest.fixture(autouse=True)
def only_notices(monkeypatch):
    """Nothing is asked for by itself: what wakes a waiter is a notice, or what a test allows."""
    monkeypatch.setattr(watch_loop, "POLL_INTERVAL", LONG)
    monkeypatch.setattr(watch_loop, "SAFETY_INTERVAL", LONG)
    monkeypatch.setattr(watcher, "FULL_INTERVAL", LONG)


@pytest.fixture
def deaf(monkeypatch):
    """No notice ever comes."""

    async def hear_nothing(self, noticed):
        await asyncio.sleep(LONG)

    for kind in (commit_listener.SqliteListener, commit_listener.PostgresListener):
        monkeypatch.setattr(kind, "run", hear_nothing)


async def listening(store):
    """Wait until commits are noticed."""
    while not CallWatcher.shared(store).listener.listening:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)


def run(main):
    async def in_time():
        async with asyncio.timeout(120):
            return await main

    return asyncio.run(in_time())


async def waiting(store, *call_ids):
    task = asyncio.create_task(wait_for_completions(store, call_ids))
    await asyncio.sleep(0)
    return task


def test_a_completion_wakes_who_waits_for_it(store, open_store):
    async def main():
        task = await waiting(store, "call-1")
        await listening(store)
        await asyncio.to_thread(deliver, open_store(), "call-1", call_outcome="voicemail")
        return await task

    assert run(main()) == {"call-1": "voicemail"}


def test_one_that_was_there_before_is_found_at_once(store, deaf):
    deliver(store, "call-1")
    assert run(wait_for_completions(store, ["call-1"])) == {"call-1": "answered"}


def test_one_that_joins_later_looks_up_first(store, open_store, deaf):
    async def main():
        first = await waiting(store, "never")
        await asyncio.sleep(0.2)
        await asyncio.to_thread(deliver, open_store(), "call-1")
        found = await wait_for_completions(store, ["call-1"])
        first.cancel()
        return found

    assert run(main()) == {"call-1": "answered"}


def test_who_waits_for_many_is_woken_once_when_all_have_ended(store, open_store):
    ids = [f"call-{number}" for number in range(5)]

    async def main():
        task = await waiting(store, *ids)
        await listening(store)
        for call_id in ids[:-1]:
            await asyncio.to_thread(deliver, open_store(), call_id)
        await asyncio.sleep(0.2)
        assert not task.done()
        await asyncio.to_thread(deliver, open_store(), ids[-1])
        return await task

    assert run(main()).keys() == set(ids)


@pytest.mark.parametrize("interval", ["POLL_INTERVAL", "FULL_INTERVAL"])
def test_a_lost_notice_loses_no_wake_up(store, open_store, deaf, monkeypatch, interval):
    monkeypatch.setattr(watch_loop, "POLL_INTERVAL", 0.05)
    if interval == "FULL_INTERVAL":
        monkeypatch.setattr(watcher, "FULL_INTERVAL", 0.1)
        monkeypatch.setattr(watcher.Arrivals, "read", lambda self: [])

    async def main():
        task = await waiting(store, "call-1")
        await asyncio.sleep(0.2)
        await asyncio.to_thread(deliver, open_store(), "call-1")
        return await task

    assert run(main()) == {"call-1": "answered"}


@pytest.mark.parametrize("interval", ["POLL_INTERVAL", "SAFETY_INTERVAL"])
def test_those_who_join_again_and_again_keep_nobody_asleep(store, open_store, deaf, monkeypatch, interval):
    monkeypatch.setattr(watch_loop, interval, 0.2)

    async def main():
        first = await waiting(store, "call-1")
        CallWatcher.shared(store).listener.listening = interval == "SAFETY_INTERVAL"
        await asyncio.sleep(0.3)
        await asyncio.to_thread(deliver, open_store(), "call-1")
        others = []
        while not first.done():
            others.append(await waiting(store, f"never-{len(others)}"))
            await asyncio.sleep(0.05)
        for each in others:
            each.cancel()
        return await first

    assert run(main()) == {"call-1": "answered"}


@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_commit_that_becomes_visible_late_is_not_missed(store, open_store, deaf, monkeypatch):
    monkeypatch.setattr(watch_loop, "POLL_INTERVAL", 0.05)

    async def main():
        tasks = [await waiting(store, "late"), await waiting(store, "early")]
        await asyncio.sleep(0.2)
        with open_store().database.write() as tx:
            tx.execute(
                schema.completion.insert().values(
                    webhook_conn_id="conn",
                    call_id="late",
                    digest=b"1",
                    first=True,
                    received_at=datetime.now(UTC),
                    outcome="answered",
                    body=b"{}",
                )
            )
            await asyncio.to_thread(deliver, open_store(), "early")
            assert await tasks[1]
        return await tasks[0]

    assert run(main()) == {"late": "answered"}


@pytest.mark.parametrize("kind", ["postgresql"])
def test_behind_a_pooler_that_swallows_notices_it_asks(store, open_store, monkeypatch, caplog):
    notifies = psycopg.AsyncConnection.notifies

    async def only_its_own(self, **options):
        # The server sends a session's own notifications with an answer: they pass a pooler in transaction mode.
        async for notice in notifies(self, **options):
            if notice.pid == self.info.backend_pid:
                yield notice

    monkeypatch.setattr(psycopg.AsyncConnection, "notifies", only_its_own)
    monkeypatch.setattr(commit_listener, "_ECHO_TIMEOUT", 0.1)
    monkeypatch.setattr(watch_loop, "POLL_INTERVAL", 0.05)

    async def main():
        task = await waiting(store, "call-1")
        while "once a second" not in caplog.text:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(deliver, open_store(), "call-1")
        return await task

    assert run(main()) == {"call-1": "answered"}


@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_connection_that_is_cut_is_made_again(store, open_store, monkeypatch):
    monkeypatch.setattr(commit_listener, "RECONNECT_INTERVAL", 0.05)
    monkeypatch.setattr(watch_loop, "POLL_INTERVAL", 0.05)

    def cut():
        with store.database.write() as tx:
            tx.execute(
                sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE :query"),
                {"query": f"%{CHANNEL}%"},
            )

    async def main():
        task = await waiting(store, "call-1")
        await listening(store)
        with contextlib.suppress(Exception):
            await asyncio.to_thread(cut)
        await asyncio.sleep(0.2)
        await listening(store)
        await asyncio.to_thread(deliver, open_store(), "call-1")
        return await task

    assert run(main()) == {"call-1": "answered"}


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_store_that_is_away_for_a_while_fails_nobody_and_is_told_once(store, open_store, monkeypatch, caplog):
    monkeypatch.setattr(watch_loop, "POLL_INTERVAL", 0.02)
    outcomes, away = store.completions.outcomes, [True]

    def sometimes(call_ids):
        if away[0]:
            raise StoreUnavailableError("url", "gone")
        return outcomes(call_ids)

    monkeypatch.setattr(store.completions, "outcomes", sometimes)

    async def main():
        tasks = [await waiting(store, f"call-{number}") for number in range(50)]
        while "The call store is unavailable" not in caplog.text:
            await asyncio.sleep(0.01)
        away[0] = False
        for number in range(50):
            await asyncio.to_thread(deliver, open_store(), f"call-{number}")
        return await asyncio.gather(*tasks)

    assert len(run(main())) == 50
    assert caplog.text.count("The call store is unavailable") == 1


@pytest.mark.parametrize("kind", ["sqlite"])
def test_what_came_before_a_wait_that_began_while_the_store_was_unavailable_is_found(store, deaf, monkeypatch):
    monkeypatch.setattr(watch_loop, "POLL_INTERVAL", 0.02)
    monkeypatch.setattr(watcher, "_IN_FLIGHT", 0)
    deliver(store, "call-1")
    outcomes, failed = store.completions.outcomes, []

    def once_unavailable(call_ids):
        if not failed:
            failed.append(call_ids)
            raise StoreUnavailableError("url", "gone")
        return outcomes(call_ids)

    monkeypatch.setattr(store.completions, "outcomes", once_unavailable)
    assert run(wait_for_completions(store, ["call-1"])) == {"call-1": "answered"}
    assert failed


def test_thousands_who_wait_ask_nothing_while_nothing_happens(store):
    asked = []

    async def main():
        tasks = [await waiting(store, f"call-{number}") for number in range(2_000)]
        await listening(store)
        sa.event.listen(store.database.engine, "before_cursor_execute", lambda *_: asked.append(1))
        # Their first look-up may still be going on. With a query now and then, no second would ever be quiet.
        quiet = False
        while not quiet:
            asked.clear()
            await asyncio.sleep(1)
            quiet = not asked
        for task in tasks:
            task.cancel()

    run(main())


def test_who_waits_no_more_is_forgotten(store):
    async def main():
        task, shared = await waiting(store, "call-1"), CallWatcher.shared(store)
        await listening(store)
        assert shared.completions
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert not shared.completions

    run(main())


def test_who_waits_for_one_call_twice_is_forgotten_too(store, deaf):
    deliver(store, "call-1")

    async def main():
        shared = CallWatcher.shared(store)
        assert await wait_for_completions(store, ["call-1", "call-1"]) == {"call-1": "answered"}
        assert not shared.completions

    run(main())


def test_a_call_that_is_settled_wakes_who_waits_for_it(store, open_store, monkeypatch):
    monkeypatch.setattr(watch_loop, "POLL_INTERVAL", 0.05)
    ours = claim(store)

    async def main():
        task = asyncio.create_task(wait_until_settled(store, ours.ref))
        await asyncio.sleep(0.2)
        assert not task.done()
        await asyncio.to_thread(open_store().claims.record_queued, ours, "call-1")
        await task

    run(main())


@pytest.mark.parametrize("kind", ["postgresql"])
def test_many_ids_are_told_in_pieces_that_postgresql_takes(store):
    ids = [f"{number:0250}" for number in range(100)]
    assert all(len(payload) < 8_000 for payload in _payloads(ids))
    assert [line for payload in _payloads(ids) for line in payload.split("\n")] == ids
    with store.database.write() as tx:
        notify(tx, ids)


def test_waiting_again_after_nobody_waited_works(store, open_store):
    async def main():
        for number in range(3):
            task = await waiting(store, f"call-{number}")
            await listening(store)
            await asyncio.to_thread(deliver, open_store(), f"call-{number}")
            assert await task == {f"call-{number}": "answered"}
            await asyncio.sleep(0.05)

    run(main())
