"""While the store is away, webhooks go to the spool, and into the store when it is back."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from datetime import UTC, datetime

import pytest
import requests

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import StoreUnavailableError
from airflow_provider_voiceinfra.store.inbox.delivery import Delivery
from airflow_provider_voiceinfra.webhook import background, delivery_buffer
from airflow_provider_voiceinfra.webhook import health as health_module
from airflow_provider_voiceinfra.webhook.delivery_buffer import DeliveryBuffer
from airflow_provider_voiceinfra.webhook.spool import Spool
from tests.support.webhooks import body, wait_until
from tests.unit.webhook.conftest import count, health, post


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(delivery_buffer, "DRAIN_INTERVAL", 0.02)
    monkeypatch.setattr(health_module, "_FRESH", -1.0)


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool")


@pytest.fixture
def database(migrated_sqlite, tmp_path):
    """An SQLite store that can be taken away and brought back."""
    path = tmp_path / "away.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    return path


def test_what_comes_while_the_store_is_away_is_in_it_when_it_is_back(serving, spool, database, figures):
    store = CallStore(f"sqlite:///{database}")
    content = database.read_bytes()
    database.unlink()
    with serving(store, spool=spool) as url:
        assert [post(url, body(f"call_{number}", summary="Yes.")).status_code for number in range(5)] == [200] * 5
        code, said = health(url)
        assert (code, said["status"]) == (200, "degraded")
        assert "the call store cannot be written: webhooks go to the spool" in said["reasons"]
        assert said["spool"]["deliveries"] == 5
        database.write_bytes(content)
        wait_until(lambda: spool.depth().deliveries == 0)
        assert store.calls.completion("call_4").summary == "Yes."
        assert post(url, body("call_9")).status_code == 200
        wait_until(lambda: figures["voiceinfra.webhooks.new"] == 6)
        assert store.calls.completion("call_9")
    assert figures["voiceinfra.webhooks.spooled"] >= 5
    assert figures["voiceinfra.calls.completed.answered"] == 6


def test_so_is_what_comes_between_an_upgrade_and_its_migration(serving, spool, database):
    def set_schema(version):
        with contextlib.closing(sqlite3.connect(database)) as connection, connection:
            connection.execute(f"UPDATE {schema.VERSION_TABLE} SET version_num = ?", (version,))

    store = CallStore(f"sqlite:///{database}")
    set_schema("0000")
    with serving(store, spool=spool) as url:
        assert post(url, body()).status_code == 200
        assert spool.depth().deliveries == 1
        set_schema(schema.SCHEMA_VERSION)
        wait_until(lambda: spool.depth().deliveries == 0)
        assert store.calls.completion("call_1")


def test_the_first_truth_stays_the_first_through_the_spool(serving, spool, database):
    store = CallStore(f"sqlite:///{database}")
    content = database.read_bytes()
    database.unlink()
    with serving(store, spool=spool) as url:
        post(url, body(summary="first"))
        database.write_bytes(content)
        post(url, body(summary="second"))
        wait_until(lambda: spool.depth().deliveries == 0)
        assert store.calls.completion("call_1").summary == "first"
        assert count(store, schema.completion) == 2


def test_a_store_that_hangs_keeps_nobody_waiting(serving, spool, database, monkeypatch):
    monkeypatch.setattr(delivery_buffer, "STORE_TIMEOUT", 0.3)
    store = CallStore(f"sqlite:///{database}")
    with serving(store, spool=spool) as url, contextlib.closing(sqlite3.connect(database)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert post(url, body()).status_code == 200
        assert spool.depth().deliveries == 1
        other.rollback()
        wait_until(lambda: spool.depth().deliveries == 0)
        assert store.calls.completion("call_1").outcome == "answered"


def test_a_store_that_hangs_is_waited_for_once_and_does_not_stop_the_event_loop(serving, spool, store, monkeypatch):
    begun, go_on, batches = threading.Event(), threading.Event(), []
    keep = store.deliveries.keep

    def hanging(deliveries):
        batches.append(deliveries)
        begun.set()
        go_on.wait(60)
        return keep(deliveries)

    monkeypatch.setattr(store.deliveries, "keep", hanging)
    monkeypatch.setattr(delivery_buffer, "STORE_TIMEOUT", 0.3)
    monkeypatch.setattr(delivery_buffer, "DRAIN_INTERVAL", 60)
    with serving(store, spool=spool) as url:
        sender = threading.Thread(target=post, args=(url, body("call_1")))
        sender.start()
        assert begun.wait(60)
        assert requests.get(f"{url}/nothing", timeout=60).status_code == 404
        sender.join()
        assert post(url, body("call_2")).status_code == 200
        assert len(batches) == 1
        assert spool.depth().deliveries == 2
        go_on.set()


def test_a_store_that_is_back_is_used_again_however_many_webhooks_come(serving, spool, database, monkeypatch, caplog):
    store, drain = CallStore(f"sqlite:///{database}"), spool.drain
    senders = []

    def drain_while_another_one_comes(keep):
        drain(keep)
        if "The call store is back" not in caplog.text:
            senders.append(threading.Thread(target=post, args=(url, body(f"call_{len(senders)}"))))
            senders[-1].start()
            # It is on the spool by now, unless it waits for the end of the draining.
            senders[-1].join(0.2)

    content = database.read_bytes()
    database.unlink()
    with serving(store, spool=spool) as url:
        assert post(url, body()).status_code == 200
        monkeypatch.setattr(spool, "drain", drain_while_another_one_comes)
        database.write_bytes(content)
        wait_until(lambda: "The call store is back" in caplog.text)
        for sender in senders:
            sender.join()


def test_no_webhook_overtakes_those_on_the_spool_when_the_store_comes_back(
    serving, spool, database, monkeypatch, caplog
):
    store = CallStore(f"sqlite:///{database}")
    check, depth, checking = store.check_writing, spool.depth, []

    def checked():
        check()
        checking.append(threading.get_ident())

    def measured():
        found = depth()
        if checking == [threading.get_ident()]:
            # The last moment before the store is used again.
            checking.append(None)
            first.start()
            first.join(0.2)
        return found

    content = database.read_bytes()
    database.unlink()
    with serving(store, spool=spool) as url:
        first = threading.Thread(target=post, args=(url, body("call_2", summary="first")))
        assert post(url, body("call_1")).status_code == 200
        monkeypatch.setattr(store, "check_writing", checked)
        monkeypatch.setattr(spool, "depth", measured)
        database.write_bytes(content)
        wait_until(lambda: "The call store is back" in caplog.text)
        assert post(url, body("call_2", summary="second")).status_code == 200
        first.join()
        wait_until(lambda: depth().deliveries == 0)
    assert store.calls.completion("call_2").summary == "first"


def test_neither_store_nor_spool_is_no_200(serving, tmp_path, figures):
    (tmp_path / "file").touch()
    away = CallStore(f"sqlite:///{tmp_path}/nowhere.db")
    with serving(away, spool=Spool(tmp_path / "file" / "spool")) as url:
        assert post(url, body()).status_code == 503
        code, said = health(url)
        assert (code, said["status"]) == (503, "unavailable")
    assert figures["voiceinfra.webhooks.rejected.not_stored"] == 1


def test_a_full_spool_is_no_200(serving, tmp_path):
    with serving(CallStore(f"sqlite:///{tmp_path}/nowhere.db"), spool=Spool(tmp_path / "spool", limit=500)) as url:
        assert [post(url, body(f"call_{number}")).status_code for number in range(3)] == [200, 503, 503]
        code, said = health(url)
        assert (code, said["status"]) == (503, "unavailable")
        assert "could be stored neither" in said["reasons"][0]


def test_once_both_are_back_health_says_so_before_the_next_webhook_comes(serving, database, tmp_path):
    content = database.read_bytes()
    database.unlink()
    (tmp_path / "file").touch()
    with serving(CallStore(f"sqlite:///{database}"), spool=Spool(tmp_path / "file" / "spool")) as url:
        assert post(url, body()).status_code == 503
        assert health(url)[0] == 503
        database.write_bytes(content)
        (tmp_path / "file").unlink()
        wait_until(lambda: health(url)[1]["status"] == "ok")


def test_what_the_spool_cannot_take_goes_to_the_store_that_is_back(serving, spool, database, monkeypatch):
    monkeypatch.setattr(delivery_buffer, "DRAIN_INTERVAL", 60)
    store = CallStore(f"sqlite:///{database}")
    content = database.read_bytes()
    database.unlink()
    with serving(store, spool=spool) as url:
        assert post(url, body("call_1")).status_code == 200
        database.write_bytes(content)
        spool.folder.rename(spool.folder.with_name("kept"))
        spool.folder.touch()
        assert post(url, body("call_2")).status_code == 200
        assert store.calls.completion("call_2")
        assert health(url)[1]["status"] == "degraded"


def test_stopping_finishes_what_was_accepted(serving, store, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    keep = store.deliveries.keep

    def slowly(deliveries):
        begun.set()
        go_on.wait(60)
        return keep(deliveries)

    monkeypatch.setattr(store.deliveries, "keep", slowly)
    answers = []
    with serving(store) as url:
        sender = threading.Thread(target=lambda: answers.append(post(url, body()).status_code))
        sender.start()
        assert begun.wait(60)
        threading.Timer(0.1, go_on.set).start()
    sender.join()
    assert answers == [200]
    assert store.calls.completion("call_1")


def test_a_webhook_that_comes_after_the_stop_is_not_lost(store, spool, figures):
    async def add_after_the_stop():
        buffer = DeliveryBuffer(store, spool, figures)
        running = asyncio.create_task(buffer.run())
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await buffer.add(Delivery.read("voiceinfra_default", datetime.now(UTC), body()))

    asyncio.run(add_after_the_stop())
    # A look into the spool that had begun before the stop may have found it.
    assert spool.depth().deliveries + count(store, schema.completion) == 1


def test_what_comes_at_once_shares_commits(serving, store, monkeypatch):
    begun, go_on, accepted, batches = threading.Event(), threading.Event(), [], []
    keep, add = store.deliveries.keep, DeliveryBuffer.add

    def watched(deliveries):
        batches.append(len(deliveries))
        begun.set()
        go_on.wait(60)
        return keep(deliveries)

    async def counted(self, delivery):
        accepted.append(delivery)
        await add(self, delivery)

    monkeypatch.setattr(store.deliveries, "keep", watched)
    monkeypatch.setattr(DeliveryBuffer, "add", counted)
    with serving(store) as url:
        senders = [threading.Thread(target=post, args=(url, body(f"call_{number}"))) for number in range(9)]
        senders[0].start()
        assert begun.wait(60)
        for sender in senders[1:]:
            sender.start()
        wait_until(lambda: len(accepted) == 9)
        go_on.set()
        for sender in senders:
            sender.join()
    assert batches == [1, 8]
    assert count(store, schema.completion) == 9


def test_webhooks_that_were_refused_meanwhile_are_counted_when_the_store_is_back(serving, database, monkeypatch):
    monkeypatch.setattr(background, "REJECTION_INTERVAL", 0.02)
    tried = threading.Event()
    store = CallStore(f"sqlite:///{database}")
    add = store.rejected_webhooks.add

    def away_once(conn_id, count):
        if not tried.is_set():
            tried.set()
            raise StoreUnavailableError("the store", "is away")
        add(conn_id, count)

    monkeypatch.setattr(store.rejected_webhooks, "add", away_once)
    with serving(store) as url:
        assert post(url, body(), secret="guess").status_code == 401
        assert tried.wait(60)
        wait_until(lambda: store.rejected_webhooks.since(datetime.now(UTC)) == 1)


def test_the_spool_repeats_nothing_in_logs(serving, spool, tmp_path, caplog):
    caplog.set_level("DEBUG")
    with serving(CallStore(f"sqlite:///{tmp_path}/nowhere.db"), spool=spool) as url:
        post(url, body(transcript="my secret"))
    assert "cannot take webhooks" in caplog.text
    assert "my secret" not in caplog.text


def test_whatever_goes_wrong_loses_nothing(serving, spool, store, monkeypatch):
    keep, broken, tries = store.deliveries.keep, [True], []

    def sometimes(deliveries):
        tries.append(deliveries)
        if broken[0]:
            raise RuntimeError("a mistake of ours")
        return keep(deliveries)

    monkeypatch.setattr(store.deliveries, "keep", sometimes)
    with serving(store, spool=spool) as url:
        assert post(url, body()).status_code == 200
        wait_until(lambda: len(tries) > 1)
        assert spool.depth().deliveries == 1
        broken[0] = False
        wait_until(lambda: spool.depth().deliveries == 0)
    assert store.calls.completion("call_1").outcome == "answered"
