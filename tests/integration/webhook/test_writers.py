"""Writing in a process of its own is the same as writing here, whatever becomes of the process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import subprocess
import sys

import psutil
import pytest

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.records import DeliveryResult
from airflow_provider_voiceinfra.webhook.writers import ProcessWriter, ThreadWriter
from tests.unit.store.samples import body, delivery


@contextlib.asynccontextmanager
async def writing(writer):
    await writer.start()
    try:
        yield writer
    finally:
        await writer.close()


@pytest.fixture(params=["thread", "process"])
def writer(request, store):
    return ThreadWriter(store) if request.param == "thread" else ProcessWriter(store, {})


def test_what_each_delivery_brought_is_told(writer, store):
    async def run():
        async with writing(writer):
            first = await writer.keep([delivery(body("call-1")), delivery(b"strange")])
            return first, await writer.keep([delivery(body("call-1")), delivery(body("call-1", summary="other"))])

    assert asyncio.run(run()) == (
        [DeliveryResult.NEW, DeliveryResult.QUARANTINED],
        [DeliveryResult.DUPLICATE, DeliveryResult.CONFLICT],
    )
    assert store.calls.completion("call-1").outcome == "answered"


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_store_that_is_missing_is_told_in_the_same_words(tmp_path, kind):
    async def run(writer):
        async with writing(writer):
            with pytest.raises(StoreError) as error:
                await writer.keep([delivery(body("call-1"))])
        return str(error.value)

    store = CallStore(f"sqlite:///{tmp_path}/nowhere.db")
    assert asyncio.run(run(ProcessWriter(store, {}))) == asyncio.run(run(ThreadWriter(store)))


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_process_that_dies_is_a_store_that_is_away_and_another_one_is_started(store):
    async def run():
        async with writing(ProcessWriter(store, {})) as writer:
            await writer.keep([delivery(body("call-1"))])
            writer._process.kill()
            with pytest.raises(StoreError, match="has died"):
                await writer.keep([delivery(body("call-2"))])
            return await writer.keep([delivery(body("call-2"))])

    assert asyncio.run(run()) == [DeliveryResult.NEW]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_process_that_hangs_is_ended(store):
    async def run():
        async with writing(ProcessWriter(store, {})) as writer:
            await writer.keep([])
            first = writer._process
            with contextlib.closing(sqlite3.connect(store.database.url.database)) as other:
                other.execute("BEGIN IMMEDIATE")
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await writer.keep([delivery(body("call-1"))])
            assert first.returncode == -signal.SIGKILL
            return await writer.keep([delivery(body("call-1"))])

    assert asyncio.run(run()) == [DeliveryResult.NEW]


@pytest.mark.parametrize("kind", ["sqlite"])
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_that_signals_the_whole_group_leaves_it_until_what_was_taken_is_kept(store, stop):
    async def run():
        async with writing(ProcessWriter(store, {})) as writer:
            await writer.keep([delivery(body("call-1"))])
            writer._process.send_signal(stop)
            return await writer.keep([delivery(body("call-2"))])

    assert asyncio.run(run()) == [DeliveryResult.NEW]


@pytest.mark.parametrize("kind", ["sqlite"])
def test_it_ends_with_its_parent_in_whatever_way_that_ends(store_url):
    code = """
import asyncio, sys, time
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.webhook.writers import ProcessWriter

async def main():
    await ProcessWriter(CallStore(sys.argv[1]), {}).start()
    print("started", flush=True)
    time.sleep(600)

asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", code, store_url], stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline()
        children = psutil.Process(parent.pid).children()
        assert not any("voiceinfra.db" in argument for argument in children[0].cmdline())
        os.kill(parent.pid, signal.SIGKILL)
    assert psutil.wait_procs(children, timeout=30)[1] == []
