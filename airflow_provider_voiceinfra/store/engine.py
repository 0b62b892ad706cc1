"""The database under the call store: how it is opened, and what a transaction is on each kind."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from airflow_provider_voiceinfra.store import postgresql, schema, sqlite
from airflow_provider_voiceinfra.store.clock import Clock
from airflow_provider_voiceinfra.store.errors import (
    StoreMissingError,
    StoreRefusesError,
    StoreUnavailableError,
    StoreVersionError,
)
from airflow_provider_voiceinfra.store.url import parse_url, shown

_LAST = "voiceinfra_last"


class Database:
    """Transactions on the call store's database, SQLite or PostgreSQL.

    Nothing is opened before the first transaction, so that an instance may be made before a fork.

    :param url: SQLAlchemy URL, ``sqlite:////path/voiceinfra.db`` or ``postgresql+psycopg://…``.
    :raises StoreError: if the URL names another kind of database.
    """

    def __init__(self, url: str) -> None:
        self.url = parse_url(url)
        self.shown_url = shown(self.url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.path = Path(str(self.url.database))
        # By process: a forked child leaves its parent's connections alone, and makes its own.
        self._engines: dict[int, sa.Engine] = {}
        self.clock = Clock(self.read, is_host=self.is_sqlite)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Read what is committed.

        :raises StoreError: if the store is missing, of another version, or does not answer.
        """
        with self.errors(), self._connected() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Write in one transaction, which is committed to disk when the block ends.

        :raises StoreError: if the store is missing, of another version, or does not answer.
        """
        with self.errors(), self._connected() as connection:
            connection.execution_options(voiceinfra_write=True)
            last: list[tuple[tuple[str, ...], sa.Update]] = []
            connection.info[_LAST] = last
            with connection.begin():
                yield connection
                for _, update in sorted(last, key=lambda named: named[0]):
                    connection.execute(update)

    @contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        """Connect; where that is stopped half-way, no connection of the pool is used again.

        The end of a task may come in the middle of the driver or of the pool: what state they are in, nobody knows.
        """
        engine, before = self.engine, sys.exception()
        try:
            with engine.connect() as connection:
                self.clock.begin(connection)
                yield connection
        except BaseException as error:
            stop = _stop_under(error, before)
            if stop is None:
                raise
            # The pool, not the connection: given back, that may be another thread's already.
            engine.dispose()
            raise stop from None

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


def _stop_under(error: BaseException | None, before: BaseException | None) -> BaseException | None:
    """Give what has stopped us, which an error of the driver's own clean-up may hide; None where it is an error.

    :param before: what was being handled when we began.
    """
    while isinstance(error, Exception) and error is not before:
        error = error.__context__
    return None if error is before else error
