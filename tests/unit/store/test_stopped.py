"""A task may be stopped in the middle of the database's driver: it ends, and can still write what it leaves."""

from __future__ import annotations

import signal
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from psycopg import Connection

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import StoreError


class StoppedError(BaseException):
    """As Airflow raises in a task that it ends, from a signal's handler."""


@contextmanager
def stopped_after(seconds):
    def stop(*_):
        raise StoppedError

    handler = signal.signal(signal.SIGALRM, stop)
    # What is stopped in a destructor goes on: then again.
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)
    try:
        with pytest.raises(StoppedError):
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


def write(store):
    """Write, and give the driver's connection."""
    with store.database.write() as tx:
        tx.execute(sa.text("UPDATE voiceinfra_schema_version SET version_num = version_num"))
        return tx.connection.driver_connection


def test_stopped_while_it_waits_for_a_lock_it_can_write_again(store):
    other, before = CallStore(store.database.url.render_as_string(hide_password=False)), write(store)
    with other.database.write() as tx:
        tx.execute(sa.text("UPDATE voiceinfra_schema_version SET version_num = version_num"))
        with stopped_after(0.1):
            write(store)
    other.database.dispose()
    assert write(store) is not before
    assert store.database.engine.pool.checkedout() == 0


def test_stopped_in_a_transaction_no_connection_is_used_again(store):
    with store.database.read() as one, store.database.read() as other:
        before = {one.connection.driver_connection, other.connection.driver_connection}
    with pytest.raises(StoppedError), store.database.write():
        raise StoppedError
    with store.database.read() as one, store.database.read() as other:
        assert not before & {one.connection.driver_connection, other.connection.driver_connection}


def test_stopped_in_the_driver_it_keeps_no_lock_while_the_stop_is_handled(store, monkeypatch):
    dialect = type(store.database.engine.dialect)
    other = CallStore(store.database.url.render_as_string(hide_password=False))
    execute, held = dialect.do_execute, []

    def stopped(self, cursor, *statement):
        execute(self, cursor, *statement)
        if "UPDATE" in statement[0]:
            # As an error's traceback holds it.
            held.append(cursor.connection.execute("SELECT 1 UNION SELECT 2"))
            raise StoppedError

    monkeypatch.setattr("airflow_provider_voiceinfra.store.sqlite.LOCK_TIMEOUT", 0.2)
    with monkeypatch.context() as patch:
        patch.setattr(dialect, "do_execute", stopped)
        with pytest.raises(StoppedError):
            write(store)
    write(other)
    other.database.dispose()
    assert held


def stop_when_sent(monkeypatch):
    """Stop when a query is on its way, and its answer is not."""

    def wait(self, query, **_):
        try:
            next(query)
        except StopIteration as nothing_sent:
            return nothing_sent.value
        raise StoppedError

    monkeypatch.setattr(Connection, "wait", wait)


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_stop_is_not_taken_for_a_store_that_is_away(store, monkeypatch):
    write(store)
    with monkeypatch.context() as patch:
        stop_when_sent(patch)
        with pytest.raises(StoppedError):
            write(store)
    write(store)


def handling(error, then):
    """Do something while an error is handled."""
    try:
        raise error
    except type(error):
        then()


def test_a_store_that_is_away_while_a_stop_is_cleaned_up_after_is_no_second_stop(store):
    def fail():
        with pytest.raises(StoreError), store.database.read() as tx:
            tx.execute(sa.text("SELECT nothing FROM nowhere"))

    handling(StoppedError(), fail)
    handling(StoppedError(), lambda: handling(ValueError(), fail))
