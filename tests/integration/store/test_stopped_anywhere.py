"""Wherever in its transactions a task is stopped: it ends, keeps nobody else waiting, and can write what it leaves."""

from __future__ import annotations

import gc
import random
import signal
import sys
import threading

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.models import Source
from tests.support.race import in_processes

# What a stop has left half open, or another thread had in use, is closed by the collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

STOPS = 200
LONGEST = 0.004
"""Seconds until it is stopped: a few transactions."""


class StoppedError(BaseException):
    """As Airflow raises in a task that it ends, from a signal's handler."""


@pytest.fixture(autouse=True)
def collected():
    yield
    gc.collect()


def write(store):
    with store.database.write() as tx:
        tx.execute(sa.text("UPDATE voiceinfra_schema_version SET version_num = version_num"))


def write_until_stopped(store, after):
    try:
        # What is stopped in a destructor goes on: then again.
        signal.setitimer(signal.ITIMER_REAL, after, 0.1)
        while True:
            write(store)
    except StoppedError:
        signal.setitimer(signal.ITIMER_REAL, 0)


def stop_reading(tx):
    tx.execute(sa.select(schema.call_list.c.id).limit(1))
    raise StoppedError


def test_it_ends_and_keeps_nobody_waiting(open_store, monkeypatch):
    monkeypatch.setattr("airflow_provider_voiceinfra.store.sqlite.LOCK_TIMEOUT", 2.0)
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    chance, stopped, other = random.Random(1), open_store(), open_store()

    def stop(*_):
        raise StoppedError

    def write_and_be_stopped(_):
        signal.signal(signal.SIGALRM, stop)
        for _ in range(STOPS):
            write_until_stopped(stopped, chance.uniform(0.00001, LONGEST))
            write(other)
            write(stopped)

    # In a process of its own, as a task is: a stop may leave a lock of Python's own taken, such as that of logging.
    assert in_processes(1, write_and_be_stopped) == [None]


def test_another_thread_loses_nothing_that_it_was_told_is_committed(open_store):
    store, stops, written, stopped = open_store(), 100, [], threading.Event()

    def open_lists(name):
        while not stopped.is_set():
            written.append(store.lists.open(Source(name, f"run-{len(written)}", "run", f"task-{len(written)}")))

    threads = [threading.Thread(target=open_lists, args=[name]) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for _ in range(stops):
        with pytest.raises(StoppedError), store.database.read() as tx:
            stop_reading(tx)
    stopped.set()
    for thread in threads:
        thread.join()
    with open_store().database.read() as tx:
        assert set(tx.scalars(sa.select(schema.call_list.c.id))) == set(written)
