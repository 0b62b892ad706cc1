"""The table that results are written to, on any database that Airflow's common-sql supports."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.sql.elements import quoted_name

from airflow_provider_voiceinfra.sql_errors import safe_error_name
from airflow_provider_voiceinfra.store.lists.row_values import RowState
from airflow_provider_voiceinfra.transfers.results_columns import Column, Kind, is_name

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

_TYPES: dict[Kind, sa.types.TypeEngine[Any]] = {
    Kind.NAME: sa.String(255),
    Kind.TEXT: sa.Text(),
    Kind.NUMBER: sa.BigInteger(),
    # MySQL rounds to seconds otherwise.
    Kind.TIME: sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb"),
}
Row = tuple[Any, ...]
"""The values of the columns, in order; the first is the ref."""
_MAX_PARTS = 3
_DOCS = "docs/reference/results.md shows the statements"


class ResultsTableError(Exception):
    """The table cannot be created or written. The message says what to do, and contains no value."""


class ResultsTable:
    """A table with a row per attempt and per list row that was set aside, and a view of the latest ones.

    :param hook: the hook of the database.
    :raises ResultsTableError: if the name is invalid.
    """

    def __init__(self, hook: DbApiHook, name: str, columns: Sequence[Column]) -> None:
        parts = name.split(".") if isinstance(name, str) else []
        if not 1 <= len(parts) <= _MAX_PARTS or not all(map(is_name, parts)):
            raise ResultsTableError(f"{name!r} is not a valid table name: write it like results or analytics.results.")
        self._hook = hook
        self._name = name
        self._columns = columns
        self._listed = ", ".join(column.name for column in columns)

    def create_if_missing(self) -> bool:
        """Create the table and its view if the table does not exist; an existing table is not changed.

        :return: whether they were created.
        :raises ResultsTableError: if they cannot be created, or an existing table lacks a column.
        """
        problem = self._find_problem()
        if problem is None:
            return False
        try:
            created = self._create()
        except Exception as error:
            raise ResultsTableError(
                f"Table {self._name} cannot be read ({problem}) and could not be created. {_DOCS} to create it."
            ) from error
        if not created:
            raise ResultsTableError(
                f"Table {self._name} exists, but does not have the expected columns: {problem}. {_DOCS}."
            )
        return True

    @contextmanager
    def replacing(self, list_id: str | None = None) -> Iterator[Callable[[Sequence[Row]], None]]:
        """Write in one transaction: readers see all rows at the end, or none.

        :param list_id: the list that is written, if any: its rows that were set aside in an earlier run are removed,
            because they may have been corrected since.
        :return: a function that writes rows, replacing those with the same refs.
        :raises ResultsTableError: if the database rejects them.
        """
        with closing(self._hook.get_conn()) as connection:
            if self._hook.supports_autocommit:
                self._hook.set_autocommit(connection, False)  # noqa: FBT003 - the hook's own signature
            try:
                with closing(connection.cursor()) as cursor:
                    if list_id is not None:
                        self._remove_set_aside(cursor, list_id)
                    yield lambda rows: self._replace(connection, cursor, rows)
                with self._hide_values():
                    connection.commit()
            except BaseException:
                # Some drivers commit when they are closed.
                with suppress(Exception):
                    connection.rollback()
                raise

    def _remove_set_aside(self, cursor: Any, list_id: str) -> None:
        mark = self._hook.placeholder
        with self._hide_values():
            cursor.execute(
                f"DELETE FROM {self._name} WHERE list_id = {mark} AND state = {mark}",  # noqa: S608 - a name that was checked
                (list_id, RowState.SET_ASIDE.value),
            )

    def _replace(self, connection: Any, cursor: Any, rows: Sequence[Row]) -> None:
        if not rows:
            return
        mark = self._hook.placeholder
        refs = ", ".join([mark] * len(rows))
        values = ", ".join([mark] * len(self._columns))
        if isinstance(connection, sqlite3.Connection):
            rows = [tuple(map(_for_sqlite, row)) for row in rows]
        with self._hide_values():
            # Every name was checked, and every value is bound.
            cursor.execute(f"DELETE FROM {self._name} WHERE ref IN ({refs})", [row[0] for row in rows])  # noqa: S608
            cursor.executemany(f"INSERT INTO {self._name} ({self._listed}) VALUES ({values})", rows)  # noqa: S608

    def _find_problem(self) -> str | None:
        """Return why the table cannot be used; None if it can."""
        with closing(self._hook.get_conn()) as connection, closing(connection.cursor()) as cursor:
            try:
                cursor.execute(f"SELECT {self._listed} FROM {self._name} WHERE 1 = 0")  # noqa: S608 - names that were checked
            except Exception as error:  # noqa: BLE001 - each driver has its own errors
                return str(error).strip().split("\n", 1)[0]
        return None

    def _create(self) -> bool:
        schema, _, name = self._name.rpartition(".")
        engine = self._hook.get_sqlalchemy_engine()
        try:
            with engine.begin() as connection:
                if sa.inspect(connection).has_table(name, schema=schema or None):
                    return False
                self.definition().create(connection)
                connection.execute(sa.text(self._view()))
        finally:
            engine.dispose()
        return True

    def definition(self) -> sa.Table:
        """Return the table, for any dialect of SQLAlchemy."""
        schema, _, name = self._name.rpartition(".")
        columns = (
            sa.Column(_unquoted(column.name), _TYPES[column.kind], primary_key=column.name == "ref")
            for column in self._columns
        )
        return sa.Table(_unquoted(name), sa.MetaData(), *columns, schema=_unquoted(schema) if schema else None)

    def _view(self) -> str:
        listed = ", ".join(f"a.{column.name}" for column in self._columns)
        newest = f"SELECT intent, MAX(seq) AS seq FROM {self._name} GROUP BY intent"  # noqa: S608 - the name was checked
        return (
            f"CREATE VIEW {self._name}_latest AS SELECT {listed} FROM {self._name} a "  # noqa: S608 - so were these
            f"JOIN ({newest}) newest ON newest.intent = a.intent AND newest.seq = a.seq"
        )

    @contextmanager
    def _hide_values(self) -> Iterator[None]:
        """Hide the message of an error, in which databases repeat whole rows."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - each driver has its own errors
            raise ResultsTableError(
                f"The database rejected rows of {self._name}: {safe_error_name(error)}. Its message is not "
                "shown, because it may contain private data. Nothing was changed, and a retry may write everything."
            ) from None


def _for_sqlite(value: Any) -> Any:
    """Format a datetime as SQLite's own functions do, because SQLite has no such type."""
    return value.replace(tzinfo=None).isoformat(" ") if isinstance(value, datetime) else value


def _unquoted(name: str) -> quoted_name:
    # Unquoted, as in our own statements: a database folds the case of both in the same way.
    return quoted_name(name, quote=False)
