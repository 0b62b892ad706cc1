"""Wherever in its transactions a task is stopped: it ends, keeps nobody else waiting, and can write what it leaves."""

from __future__ import annotations

import random
import signal
import sys

import pytest
import sqlalchemy as sa

STOPS = 500
LONGEST = 0.004
"""Seconds until it is stopped: a few transactions."""


class StoppedError(BaseException):
    """As Airflow raises in a task that it ends, from a signal's handler."""


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


# What a stop has left half open is closed by the collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_it_ends_and_keeps_nobody_waiting(open_store, monkeypatch):
    def stop(*_):
        raise StoppedError

    monkeypatch.setattr("airflow_provider_voiceinfra.store.sqlite.LOCK_TIMEOUT", 2.0)
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    handler = signal.signal(signal.SIGALRM, stop)
    chance, stopped, other = random.Random(1), open_store(), open_store()
    try:
        for _ in range(STOPS):
            write_until_stopped(stopped, chance.uniform(0.00001, LONGEST))
            write(other)
            write(stopped)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
