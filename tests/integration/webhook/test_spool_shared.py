"""Two call stores and one spool folder: no webhook of one ever comes to the other."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
import requests

from airflow_provider_voiceinfra.store.call_store import CallStore
from tests.benchmarks.receiver.process import ReceiverProcess
from tests.benchmarks.receiver.webhooks import body, sign
from tests.support.webhooks import wait_until


@pytest.fixture
def start(tmp_path):
    """Start a receiver of a store; all of them have one spool folder."""
    started = []

    def start(name, **options):
        started.append(ReceiverProcess(tmp_path, f"sqlite:///{tmp_path}/{name}.db", **options))
        started[-1].start()
        return started[-1]

    yield start
    for each in started:
        each.kill()


@pytest.fixture
def make_store(tmp_path):
    """Make a new store, or give the one that is there."""

    def make(name):
        store = CallStore(f"sqlite:///{tmp_path}/{name}.db")
        store.migrate()
        return store

    return make


def post(receiver, call_id):
    content = body(call_id)
    headers = {"X-VoiceInfra-Signature": sign(content)}
    return requests.post(f"{receiver.url}/webhook", data=content, headers=headers, timeout=120).status_code


def health(receiver):
    return requests.get(f"{receiver.url}/health", timeout=120).json()


@contextlib.contextmanager
def away(*stores):
    """Let stores take nothing for a while."""
    with contextlib.ExitStack() as others:
        for store in stores:
            other = others.enter_context(contextlib.closing(sqlite3.connect(store.database.path)))
            other.execute("BEGIN IMMEDIATE")
        yield


def hide(store):
    """Take a store away that nobody has opened yet."""
    store.close()
    path = store.database.path
    path.rename(path.with_suffix(".away"))


def bring_back(store):
    path = store.database.path
    path.with_suffix(".away").rename(path)


def test_another_stores_receiver_uses_the_folder_for_nothing_and_says_so(start, make_store):
    production, staging = make_store("production"), make_store("staging")
    first = start("production")
    wait_until(lambda: health(first)["status"] == "ok")
    second = start("staging")
    # Before its own store has answered, it only may be another one's.
    wait_until(lambda: "belongs to another call store" in "".join(health(second).get("reasons", ())))
    with away(production, staging):
        assert post(first, "of_production") == 200
        assert post(second, "of_staging") == 503
    wait_until(lambda: post(second, "of_staging") == 200)
    wait_until(lambda: production.calls.completion("of_production"))
    assert staging.calls.completion("of_production") is None
    assert production.calls.completion("of_staging") is None


def test_a_store_that_was_away_from_the_start_finds_its_webhooks_and_nobody_else_does(start, make_store):
    production, staging = make_store("production"), make_store("staging")
    hide(production)
    hide(staging)
    first = start("production", workers=2)
    assert [post(first, f"call_{number}") for number in range(6)] == [200] * 6
    second = start("staging")
    assert post(second, "of_staging") == 503
    bring_back(staging)
    wait_until(lambda: post(second, "of_staging") == 200)
    bring_back(production)
    wait_until(lambda: all(production.calls.completion(f"call_{number}") for number in range(6)))
    assert not any(staging.calls.completion(f"call_{number}") for number in range(6))
    wait_until(lambda: health(first)["status"] == "ok")


def test_receivers_of_one_store_share_a_folder_and_a_store_that_was_restored_takes_what_is_there(
    start, make_store, tmp_path
):
    store = make_store("production")
    first, second = start("production"), start("production")
    wait_until(lambda: health(first)["status"] == health(second)["status"] == "ok")
    with away(store):
        assert [post(first, "call_1"), post(second, "call_2")] == [200, 200]
        first.kill()
        second.kill()
    # A backup, at another place.
    with (
        contextlib.closing(sqlite3.connect(store.database.path)) as source,
        contextlib.closing(sqlite3.connect(tmp_path / "restored.db")) as target,
    ):
        source.backup(target)
    restored = make_store("restored")
    assert restored.calls.completion("call_1") is None
    third = start("restored")
    wait_until(lambda: restored.calls.completion("call_1") and restored.calls.completion("call_2"))
    wait_until(lambda: health(third)["status"] == "ok")
