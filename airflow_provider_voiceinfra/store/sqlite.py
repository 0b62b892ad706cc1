"""How SQLite is opened, and how it waits: many processes read, one writes, and what is committed is on the disk."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

LOCK_TIMEOUT = 30.0
"""Seconds that a transaction waits for another one's end."""

LOCK_INTERVAL = 0.001
"""Seconds between two attempts to begin one."""


def open_engine(path: Path, *, create: bool, **options: Any) -> sa.Engine:
    """Make an engine, whose transactions with the option ``voiceinfra_write`` take the lock at once.

    :param create: make the file if there is none.
    :param options: of SQLAlchemy's engine.
    """
    engine = sa.create_engine(
        "sqlite://", creator=lambda: _connect(path, create=create), poolclass=sa.QueuePool, **options
    )
    sa.event.listen(engine, "begin", _begin)
    sa.event.listen(engine, "invalidate", _roll_back)
    return engine


def _connect(path: Path, *, create: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode={'rwc' if create else 'rw'}",
        uri=True,
        timeout=LOCK_TIMEOUT,
        check_same_thread=False,
        isolation_level=None,
    )
    # A claim and a completion are on the disk when the transaction ends, whatever happens then.
    connection.execute("PRAGMA synchronous=FULL")
    # With pages of 2 kB twice as much as usual: what is written again meanwhile is copied once.
    connection.execute("PRAGMA wal_autocheckpoint=4000")
    connection.execute("PRAGMA foreign_keys=ON")
    if create:
        # Small pages: a completion's place in an index costs a page, as long as few come at once.
        connection.execute("PRAGMA page_size=2048")
        # Readers and the one writer do not wait for each other; lasts for the file.
        # Where another process does the same, SQLite gives up at once.
        _when_free(lambda: connection.execute("PRAGMA journal_mode=WAL"))
    return connection


def _begin(connection: sa.Connection) -> None:
    # A writer takes the lock at once: one that starts as a reader may be refused half-way.
    if connection.get_execution_options().get("voiceinfra_write", False):
        _begin_writing(connection)
    else:
        connection.exec_driver_sql("BEGIN")


def _begin_writing(connection: sa.Connection) -> None:
    """Wait for the lock.

    SQLite itself waits ever longer between two attempts: beside a busy receiver, a claim would find the lock taken
    for seconds.
    """
    connection.exec_driver_sql("PRAGMA busy_timeout=0")
    try:
        _when_free(lambda: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={1_000 * LOCK_TIMEOUT:.0f}")


def _roll_back(connection: sqlite3.Connection, *_: object) -> None:
    """Free the locks of a connection that is going to be closed.

    Closed alone, it would keep them until nothing refers to its cursors any more, such as an error's traceback.
    """
    with suppress(sqlite3.Error):
        connection.rollback()


def _when_free(execute: Callable[[], object]) -> None:
    """Execute as soon as nobody else holds the lock."""
    end = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            execute()
        except (sqlite3.OperationalError, sa.exc.OperationalError) as error:
            cause = error.orig if isinstance(error, sa.exc.OperationalError) else error
            if getattr(cause, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(LOCK_INTERVAL)
        else:
            return
