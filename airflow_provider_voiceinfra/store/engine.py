"""The database of the call store: its connections and transactions."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from airflow_provider_voiceinfra.store import postgresql, schema, sqlite
from airflow_provider_voiceinfra.store.clock import Clock
from airflow_provider_voiceinfra.store.errors import (
    StoreMissingError,
    StoreUnavailableError,
    StoreValueError,
    StoreVersionError,
)
from airflow_provider_voiceinfra.store.url import parse_url, shown

_UPDATES_AT_END = "voiceinfra_updates_at_end"


class Database:
    """Transactions on the call store's database, SQLite or PostgreSQL.

    No connection is opened before the first transaction, so an instance may be created before a fork.

    :param url: SQLAlchemy URL, ``sqlite:////path/voiceinfra.db`` or ``postgresql+psycopg://…``.
    :raises StoreError: if the URL names another kind of database.
    """

    def __init__(self, url: str) -> None:
        self.url = parse_url(url)
        self.shown_url = shown(self.url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.path = Path(str(self.url.database))
        # By process: a forked child does not use its parent's connections, and opens its own.
        self._engines: dict[int, sa.Engine] = {}
        self.clock = Clock(self.read, is_host=self.is_sqlite)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Open a read transaction.

        :raises StoreError: if the store is missing, has another version, or is unavailable.
        """
        with self.errors(), self._begun(writes=False) as transaction:
            yield transaction.connection

    def rows(self, query: sa.Executable) -> Sequence[Any]:
        """Return the rows of a query, in a read transaction of its own."""
        with self.read() as tx:
            return tx.execute(query).all()

    def scalar(self, query: sa.Executable) -> Any | None:
        """Return the first value of a query, in a read transaction of its own; None if it has no row."""
        with self.read() as tx:
            return tx.scalar(query)

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Open a write transaction, which is committed to disk when the block ends.

        :raises StoreError: if the store is missing, has another version, or is unavailable.
        """
        with self.errors(), self._begun(writes=True) as transaction:
            connection = transaction.connection
            updates: list[tuple[tuple[str, ...], sa.Update]] = []
            connection.info[_UPDATES_AT_END] = updates
            with transaction:
                yield connection
                for _, update in sorted(updates, key=lambda named_update: named_update[0]):
                    connection.execute(update)

    @contextmanager
    def _begun(self, *, writes: bool) -> Iterator[sa.RootTransaction]:
        """Begin a transaction; if the task is stopped meanwhile, no connection of the pool is used again.

        A task may be stopped in the middle of the driver's or the pool's code, whose state is then undefined.
        """
        engine, before = self.engine, sys.exception()
        try:
            transaction = _begin(engine, writes=writes)
            with transaction.connection:
                self.clock.begin(transaction.connection)
                yield transaction
        except BaseException as error:
            stop = _find_stop(error, before)
            if stop is None:
                raise
            # The whole pool, because the connection may have been returned and be in use by another thread.
            engine.dispose()
            raise stop from None

    @property
    def engine(self) -> sa.Engine:
        """The engine, after checking that the store exists and has this version's schema."""
        engine = self._engines.get(os.getpid())
        if engine is None:
            opened = self._open_checked()
            engine = self._engines.setdefault(os.getpid(), opened)
            if engine is not opened:
                # Another thread opened one first.
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
        """Create an engine; only migrations create the file of an SQLite store."""
        # Without this, errors of SQLAlchemy contain numbers and contexts.
        options: dict[str, Any] = {"hide_parameters": True}
        if self.is_sqlite:
            return sqlite.open_engine(self.path, create=create, **options)
        return postgresql.open_engine(self.url, **options)

    def _check_version(self, engine: sa.Engine) -> None:
        if self.is_sqlite and not self.path.exists():
            raise StoreMissingError(self.shown_url)
        with engine.connect() as connection:
            if not self.is_sqlite:
                postgresql.check_encoding(connection, self.shown_url)
            if not sa.inspect(connection).has_table(schema.VERSION_TABLE):
                raise StoreMissingError(self.shown_url)
            found = connection.scalar(sa.text(f"SELECT version_num FROM {schema.VERSION_TABLE}"))  # noqa: S608
        if found is None:
            raise StoreMissingError(self.shown_url)
        if found != schema.SCHEMA_VERSION:
            raise StoreVersionError(self.shown_url, found, schema.SCHEMA_VERSION)

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Convert errors of the database to ones that contain no stored values."""
        try:
            yield
        except (sa.exc.IntegrityError, sa.exc.DataError) as error:
            # The messages of these two repeat values of rows; the others describe the database.
            raise StoreValueError(self.shown_url, type(error.orig).__name__) from None
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


def _begin(engine: sa.Engine, *, writes: bool) -> sa.RootTransaction:
    """Begin a transaction, in a new connection if the server has closed the pool's: BEGIN is the first to notice."""
    try:
        return _begin_once(engine, writes=writes)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    return _begin_once(engine, writes=writes)


def _begin_once(engine: sa.Engine, *, writes: bool) -> sa.RootTransaction:
    connection = engine.connect().execution_options(voiceinfra_write=writes)
    try:
        return connection.begin()
    except BaseException:
        connection.close()
        raise


def update_at_end(tx: sa.Connection, name: tuple[str, ...], update: sa.Update) -> None:
    """Update a shared row at the end of a transaction, in the same order everywhere.

    :param name: the name of the row, which defines the order.
    """
    tx.info[_UPDATES_AT_END].append((name, update))


def _find_stop(error: BaseException | None, before: BaseException | None) -> BaseException | None:
    """Return the exception that stops the task, which an error in the driver's clean-up may hide; None for an error.

    :param before: the exception that was being handled before.
    """
    while isinstance(error, Exception) and error is not before:
        error = error.__context__
    return None if error is before else error
