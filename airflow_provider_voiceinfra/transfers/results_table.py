"""The table that results are written to, on any database of Airflow's common-sql."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import quoted_name

from airflow_provider_voiceinfra.sql_errors import safe_error_name
from airflow_provider_voiceinfra.store.lists.list_rows import RowState
from airflow_provider_voiceinfra.transfers.results_columns import Column, Kind, is_name

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

_TYPES: dict[Kind, sa.types.TypeEngine[Any]] = {
    Kind.NAME: sa.String(255),
    Kind.TEXT: sa.Text(),
    Kind.NUMBER: sa.BigInteger(),
    Kind.TIME: sa.DateTime(timezone=True),
}
Row = tuple[Any, ...]
"""Values of the columns, in their order; the first is the ref."""
_MOST_PARTS = 3
_DOCS = "docs/results.md shows the statements"


class ResultsTableError(Exception):
    """The table cannot be made or written; says what to do, and no value."""


class ResultsTable:
    """A table with a row for each attempt and each row that was set aside, and a view of the latest ones.

    :param hook: of the database.
    :param name: as in ``results`` or ``analytics.results``.
    :raises ResultsTableError: if the name will not do.
    """

    def __init__(self, hook: DbApiHook, name: str, columns: Sequence[Column]) -> None:
        parts = name.split(".") if isinstance(name, str) else []
        if not 1 <= len(parts) <= _MOST_PARTS or not all(map(is_name, parts)):
            raise ResultsTableError(f"{name!r} cannot be a table: write it like results or analytics.results.")
        self._hook = hook
        self._name = name
        self._columns = columns
        self._listed = ", ".join(column.name for column in columns)

    def make_if_missing(self) -> bool:
        """Make table and view if there is no such table; one that is there is used as it is.

        :return: whether they were made.
        :raises ResultsTableError: if they cannot be made, or a column is missing.
        """
        why = self._try_out()
        if why is None:
            return False
        try:
            made = self._make()
        except Exception as error:
            raise ResultsTableError(
                f"Table {self._name} cannot be read ({why}), and could not be made either: {_DOCS} to make it by hand."
            ) from error
        if not made:
            raise ResultsTableError(f"Table {self._name} is there, but not as it is needed: {why}. {_DOCS}.")
        return True

    @contextmanager
    def replacing(self, list_id: str | None = None) -> Iterator[Callable[[Sequence[Row]], None]]:
        """Write in one transaction: others see all of it at the end, or nothing.

        :param list_id: of the list that is written: rows of it that were set aside when it was written before are
            removed, because they may have been corrected since.
        :return: what writes some rows, and replaces those of the same refs.
        :raises ResultsTableError: if the database refuses them.
        """
        with closing(self._hook.get_conn()) as connection:
            if self._hook.supports_autocommit:
                self._hook.set_autocommit(connection, False)  # noqa: FBT003 - the hook's own signature
            try:
                with closing(connection.cursor()) as cursor:
                    if list_id is not None:
                        self._remove_set_aside(cursor, list_id)
                    yield lambda rows: self._replace(connection, cursor, rows)
                with self._no_values():
                    connection.commit()
            except BaseException:
                # Some drivers commit when they are closed.
                with suppress(Exception):
                    connection.rollback()
                raise

    def _remove_set_aside(self, cursor: Any, list_id: str) -> None:
        mark = self._hook.placeholder
        with self._no_values():
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
        with self._no_values():
            # Every name was checked, and every value is bound.
            cursor.execute(f"DELETE FROM {self._name} WHERE ref IN ({refs})", [row[0] for row in rows])  # noqa: S608
            cursor.executemany(f"INSERT INTO {self._name} ({self._listed}) VALUES ({values})", rows)  # noqa: S608

    def _try_out(self) -> str | None:
        """Tell why the table cannot be used as it is; None where it can."""
        with closing(self._hook.get_conn()) as connection, closing(connection.cursor()) as cursor:
            try:
                cursor.execute(f"SELECT {self._listed} FROM {self._name} WHERE 1 = 0")  # noqa: S608 - names that were checked
            except Exception as error:  # noqa: BLE001 - each driver has errors of its own
                return str(error).strip().split("\n", 1)[0]
        return None

    def _make(self) -> bool:
        schema, _, name = self._name.rpartition(".")
        table = sa.Table(
            _unquoted(name),
            sa.MetaData(),
            *(
                sa.Column(_unquoted(column.name), _TYPES[column.kind], primary_key=column.name == "ref")
                for column in self._columns
            ),
            schema=_unquoted(schema) if schema else None,
        )
        engine = self._hook.get_sqlalchemy_engine()
        try:
            with engine.begin() as connection:
                if sa.inspect(connection).has_table(name, schema=schema or None):
                    return False
                table.create(connection)
                connection.execute(sa.text(self._view()))
        finally:
            engine.dispose()
        return True

    def _view(self) -> str:
        listed = ", ".join(f"a.{column.name}" for column in self._columns)
        newest = f"SELECT intent, MAX(seq) AS seq FROM {self._name} GROUP BY intent"  # noqa: S608 - the name was checked
        return (
            f"CREATE VIEW {self._name}_latest AS SELECT {listed} FROM {self._name} a "  # noqa: S608 - so were these
            f"JOIN ({newest}) newest ON newest.intent = a.intent AND newest.seq = a.seq"
        )

    @contextmanager
    def _no_values(self) -> Iterator[None]:
        """Say which error it was, but not its message: databases repeat whole rows there."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - each driver has errors of its own
            raise ResultsTableError(
                f"The database refuses to write {self._name}: {safe_error_name(error)}. Its message is not "
                "shown, because it may contain what people said. Nothing was changed, and a retry may write everything."
            ) from None


def _for_sqlite(value: Any) -> Any:
    """Write a time as SQLite's own functions do: it has no type for them."""
    return value.replace(tzinfo=None).isoformat(" ") if isinstance(value, datetime) else value


def _unquoted(name: str) -> quoted_name:
    # As in the statements of ours: a database folds both in the same way.
    return quoted_name(name, quote=False)
