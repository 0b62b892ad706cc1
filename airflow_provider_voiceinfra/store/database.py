"""The database under the call store: how it is opened, and what a transaction is on each kind."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

from airflow_provider_voiceinfra.store import tables
from airflow_provider_voiceinfra.store.errors import (
    StoreError,
    StoreMissingError,
    StoreRefusesError,
    StoreUnavailableError,
    StoreVersionError,
)

LOCK_TIMEOUT = 30.0
"""Seconds that a transaction on SQLite waits for another one's end."""

LOCK_INTERVAL = 0.001
"""Seconds between two attempts to begin one."""

POSTGRES_ARGUMENTS: dict[str, Any] = {
    "connect_timeout": 10,
    # A database that vanished is noticed in half a minute, not in two hours.
    "tcp_user_timeout": 30_000,
    # Prepared statements do not survive a pooler in transaction mode.
    "prepare_threshold": None,
    "application_name": "voiceinfra",
}
"""Of every connection to PostgreSQL."""

_WRITE = "write sqlite:////path/voiceinfra.db or postgresql+psycopg://user:password@host/database"


_LAST = "voiceinfra_last"


class Database:
    """Transactions on the call store's database, SQLite or PostgreSQL.

    Nothing is opened before the first transaction, so that an instance may be made before a fork.

    :param url: SQLAlchemy URL, ``sqlite:////path/voiceinfra.db`` or ``postgresql+psycopg://…``.
    :raises StoreError: if the URL names another kind of database.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = sa.make_url(url)
        except (SQLAlchemyError, ValueError):
            # The URL itself may hold a password: it is not repeated.
            raise StoreError(f"[voiceinfra] call_store is not an SQLAlchemy URL: {_WRITE}") from None
        if parsed.get_backend_name() in {"postgres", "postgresql"}:
            # The driver that comes with this package, whichever Airflow's own database is used by.
            parsed = parsed.set(drivername="postgresql+psycopg")
        self.url = parsed
        self.shown_url = parsed.difference_update_query(["password", "sslpassword"]).render_as_string()
        # By process: a forked child leaves its parent's connections alone, and makes its own.
        self._engines: dict[int, sa.Engine] = {}
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if not self.is_sqlite and parsed.get_backend_name() != "postgresql":
            raise StoreError(f"[voiceinfra] call_store, {self.shown_url}, is of another kind: {_WRITE}")
        if self.is_sqlite and parsed.database in {None, "", ":memory:"}:
            raise StoreError(f"[voiceinfra] call_store names no file: {_WRITE}")
        self.path = Path(str(parsed.database))
        if self.is_sqlite and not self.path.is_absolute():
            raise StoreError(f"[voiceinfra] call_store names another file in each folder: {_WRITE}")

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Read what is committed.

        :raises StoreError: if the store is missing, of another version, or does not answer.
        """
        with self.errors(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Write in one transaction, which is committed to disk when the block ends.

        :raises StoreError: if the store is missing, of another version, or does not answer.
        """
        with self.errors(), self.engine.connect() as connection:
            connection.execution_options(voiceinfra_write=True)
            last: list[tuple[tuple[str, ...], sa.Update]] = []
            connection.info[_LAST] = last
            with connection.begin():
                yield connection
                for _, update in sorted(last, key=lambda named: named[0]):
                    connection.execute(update)

    @property
    def engine(self) -> sa.Engine:
        """The engine of a store that is there and of our version, else an error."""
        engine = self._engines.get(os.getpid())
        if engine is None:
            opened = self._open_checked()
            engine = self._engines.setdefault(os.getpid(), opened)
            if engine is not opened:
                # Another thread was faster.
                opened.dispose()
        return engine

    def _open_checked(self) -> sa.Engine:
        engine = self.open()
        try:
            self._check_version(engine)
        except BaseException:
            engine.dispose()
            raise
        return engine

    def open(self, *, create: bool = False) -> sa.Engine:
        """Make an engine; only migrations create the file of an SQLite store.

        :param create: make the file if there is none.
        """
        # Errors of SQLAlchemy would repeat numbers and contexts.
        options: dict[str, Any] = {"hide_parameters": True}
        if self.is_sqlite:
            return self._open_sqlite(options, create=create)
        try:
            return sa.create_engine(
                self.url,
                pool_pre_ping=True,
                # Whoever waited for a lock must see what its holder has committed, whatever the server's default is.
                isolation_level="READ COMMITTED",
                pool_size=4,
                connect_args=POSTGRES_ARGUMENTS,
                **options,
            )
        except (ModuleNotFoundError, NoSuchModuleError):
            raise StoreError(
                "The driver of PostgreSQL is missing: pip install 'airflow-provider-voiceinfra[postgres]'"
            ) from None

    def _open_sqlite(self, options: dict[str, Any], *, create: bool) -> sa.Engine:
        mode = "rwc" if create else "rw"

        def connect() -> sqlite3.Connection:
            connection = sqlite3.connect(
                f"{self.path.as_uri()}?mode={mode}",
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
                _write_ahead(connection)
            return connection

        engine = sa.create_engine("sqlite://", creator=connect, poolclass=sa.QueuePool, **options)

        @sa.event.listens_for(engine, "begin")
        def begin(connection: sa.Connection) -> None:
            write = connection.get_execution_options().get("voiceinfra_write", False)
            # A writer takes the lock at once: one that starts as a reader may be refused half-way.
            if write:
                _begin_writing(connection)
            else:
                connection.exec_driver_sql("BEGIN")

        return engine

    def _check_version(self, engine: sa.Engine) -> None:
        if self.is_sqlite and not self.path.exists():
            raise StoreMissingError(self.shown_url)
        with engine.connect() as connection:
            if not sa.inspect(connection).has_table(tables.VERSION_TABLE):
                raise StoreMissingError(self.shown_url)
            found = connection.scalar(sa.text(f"SELECT version_num FROM {tables.VERSION_TABLE}"))  # noqa: S608
        if found is None:
            raise StoreMissingError(self.shown_url)
        if found != tables.SCHEMA_VERSION:
            raise StoreVersionError(self.shown_url, found, tables.SCHEMA_VERSION)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Say what is wrong with the database without repeating what is in it."""
        try:
            yield
        except (sa.exc.IntegrityError, sa.exc.DataError) as error:
            # These two repeat values of rows; the others say what is wrong with the database.
            raise StoreRefusesError(self.shown_url, type(error.orig).__name__) from None
        except DBAPIError as error:
            raise StoreUnavailableError(self.shown_url, str(error.orig).strip().split("\n", 1)[0]) from None
        except sa.exc.TimeoutError:
            raise StoreUnavailableError(self.shown_url, "all connections are in use") from None
        except OSError as error:
            raise StoreUnavailableError(self.shown_url, error.strerror or type(error).__name__) from None

    def dispose(self) -> None:
        """Close every connection."""
        engine = self._engines.pop(os.getpid(), None)
        if engine is not None:
            engine.dispose()


def update_last(tx: sa.Connection, name: tuple[str, ...], update: sa.Update) -> None:
    """Update a row that many share at the end of a transaction, in the same order everywhere.

    :param name: of the row.
    """
    tx.info[_LAST].append((name, update))


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Let readers and the one writer not wait for each other; lasts for the file."""
    # Where another process does the same, SQLite gives up at once.
    _when_free(lambda: connection.execute("PRAGMA journal_mode=WAL"))


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
