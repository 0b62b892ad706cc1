"""Connections to SQLite: many processes read, one writes, and commits are on disk."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

LOCK_TIMEOUT = 30.0
"""Seconds that a transaction waits for another one to end."""

LOCK_INTERVAL = 0.001
"""Seconds between two attempts to begin one."""


def open_engine(path: Path, *, create: bool, **options: Any) -> sa.Engine:
    """Create an engine, whose transactions with the option ``voiceinfra_write`` take the write lock immediately."""
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
    # A claim or a completion is on disk when the transaction ends, whatever happens next.
    connection.execute("PRAGMA synchronous=FULL")
    # With pages of 2 kB, twice the usual size: pages that are written again meanwhile are copied once.
    connection.execute("PRAGMA wal_autocheckpoint=4000")
    connection.execute("PRAGMA foreign_keys=ON")
    if create:
        # Small pages, because an index entry of a completion costs a page while few arrive at once.
        connection.execute("PRAGMA page_size=2048")
        # Readers and the writer do not wait for each other; the setting is stored in the file.
        # If another process does the same, SQLite fails immediately instead of waiting.
        _when_free(lambda: connection.execute("PRAGMA journal_mode=WAL"))
    return connection


def _begin(connection: sa.Connection) -> None:
    # A writer takes the lock immediately: one that starts as a reader may fail when it writes.
    if connection.get_execution_options().get("voiceinfra_write", False):
        _begin_writing(connection)
    else:
        connection.exec_driver_sql("BEGIN")


def _begin_writing(connection: sa.Connection) -> None:
    """Wait for the write lock.

    SQLite itself waits longer and longer between two attempts, so that a claim beside a busy receiver would not get the
    lock for seconds.
    """
    connection.exec_driver_sql("PRAGMA busy_timeout=0")
    try:
        _when_free(lambda: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={1_000 * LOCK_TIMEOUT:.0f}")


def _roll_back(connection: sqlite3.Connection, *_: object) -> None:
    """Release the locks of a connection before it is closed.

    Closing alone keeps them until nothing refers to its cursors any more, such as the traceback of an error.
    """
    with suppress(sqlite3.Error):
        connection.rollback()


def _when_free(execute: Callable[[], object]) -> None:
    """Execute as soon as no other connection holds the lock."""
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
