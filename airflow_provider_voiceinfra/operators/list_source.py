"""Reads the rows of a call list, from a value or from a query."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk import BaseHook

from airflow_provider_voiceinfra.errors import InvalidCallError
from airflow_provider_voiceinfra.lists.column_mapping import folded
from airflow_provider_voiceinfra.lists.odd_times import read_odd_times_as_text
from airflow_provider_voiceinfra.sql_errors import safe_error_message

if TYPE_CHECKING:
    from airflow_provider_voiceinfra.lists.column_mapping import ColumnMapping

_BATCH_SIZE = 500
T = TypeVar("T")


class ListSourceError(Exception):
    """The rows cannot be read; a retry may succeed. The message names the error and contains no row."""


def rows_of(calls: Any, columns: ColumnMapping) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a list or a data frame as dicts with column names in lower case.

    :raises InvalidCallError: if it is not a list of dicts, or a row lacks a mapped column.
    """
    if is_data_frame(calls):
        folded(list(calls.columns))
        # A data frame of polars or pandas.
        calls = calls.to_dicts() if hasattr(calls, "to_dicts") else calls.to_dict("records")
    if isinstance(calls, str | bytes | Mapping) or not isinstance(calls, Sequence):
        raise InvalidCallError(
            f"calls must be a list of dicts, not {type(calls).__name__}: pass the output of a task "
            "(`my_task.output`), or set render_template_as_native_obj on the DAG."
        )
    rows = [_folded_row(position, row) for position, row in enumerate(calls, 1)]
    if rows:
        columns.check(sorted(set.intersection(*(set(row) for row in rows))))
    yield from rows


def is_data_frame(calls: object) -> bool:
    """Return whether a value is a data frame, without importing pandas."""
    return hasattr(calls, "to_dict") and hasattr(calls, "columns")


def query_rows(sql_conn_id: str, sql: str, columns: ColumnMapping) -> Iterator[Mapping[str, Any]]:
    """Yield the rows of a query as dicts with column names in lower case, fetched a few hundred at a time.

    :param sql_conn_id: a connection to any database that Airflow's common-sql supports.
    :raises InvalidCallError: if the query returns no named columns, or lacks a mapped column.
    :raises ListSourceError: if the query fails.
    """
    with _query(sql_conn_id, "sql", sql) as (column_names, batches):
        names = folded(column_names)
        columns.check(names)
        for rows in batches:
            for row in rows:
                yield dict(zip(names, row, strict=True))


def first_column(sql_conn_id: str, field: str, sql: str, name: Callable[[object], str | None]) -> Iterator[list[str]]:
    """Yield the row keys in the first column of a query, in batches.

    :param field: the argument that contains the query, for messages.
    :param name: turns a value into a row key; None skips the value.
    :raises InvalidCallError: if a value is invalid; the message contains its row number.
    :raises ListSourceError: if the query fails.
    """
    positions = count(1)
    with _query(sql_conn_id, field, sql) as (columns, batches):
        for rows in batches:
            keys = [_row_key(name, row[0], f"column {columns[0]!r}, row {next(positions)}, of {field}") for row in rows]
            yield [key for key in keys if key is not None]


def _row_key(name: Callable[[object], str | None], value: object, where: str) -> str | None:
    try:
        return name(value)
    except (InvalidCallError, ArithmeticError, TypeError, ValueError) as error:
        reason = str(error) if isinstance(error, InvalidCallError) else f"{type(error).__name__}."
    raise InvalidCallError(f"The value in {where} is invalid, so no call is placed: {reason}")


def _folded_row(position: int, row: object) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise InvalidCallError(
            f"calls must be a list of dicts such as {{'to_number': '+1 800 555 0199'}}, but entry {position} is a "
            f"{type(row).__name__}."
        )
    return dict(zip(folded(list(row)), row.values(), strict=True))


@contextmanager
def _query(sql_conn_id: str, field: str, sql: str) -> Iterator[tuple[list[str], Iterator[list[Sequence[Any]]]]]:
    """Run a query; yields the names of the columns, and the rows in batches."""
    connection = _connect(sql_conn_id)
    with closing(connection), closing(connection.cursor()) as cursor:
        _hide_rows(sql_conn_id, lambda: cursor.execute(sql))
        if not cursor.description:
            raise InvalidCallError(f"{field} returns no rows: give a single SELECT statement.")
        names = [column[0] for column in cursor.description]
        yield names, iter(lambda: _fetched(sql_conn_id, cursor), [])


def _connect(sql_conn_id: str) -> Any:
    hook = BaseHook.get_hook(sql_conn_id)
    try:
        connection = hook.get_conn()
    except NotImplementedError:
        connection = None
    if not hasattr(connection, "cursor"):
        raise InvalidCallError(
            f"Connection {sql_conn_id!r} is of type {hook.get_connection(sql_conn_id).conn_type!r}, which is not a "
            "database: set sql_conn_id to a connection to a database."
        )
    read_odd_times_as_text(connection)
    return connection


def _fetched(sql_conn_id: str, cursor: Any) -> list[Sequence[Any]]:
    rows = _hide_rows(sql_conn_id, lambda: list(cursor.fetchmany(_BATCH_SIZE)))
    if rows and isinstance(rows[0], Mapping):
        raise InvalidCallError(
            f"Connection {sql_conn_id!r} returns rows as dicts, which may lose columns: remove `cursor` from its extra "
            "fields."
        )
    return rows


def _hide_rows(sql_conn_id: str, execute: Callable[[], T]) -> T:
    try:
        return execute()
    except Exception as error:  # noqa: BLE001 - each driver has its own errors
        raise ListSourceError(f"The query on {sql_conn_id!r} failed: {safe_error_message(error)}.") from None
