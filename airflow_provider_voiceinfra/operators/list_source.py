"""Where the rows of a call list come from."""

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

_AT_ONCE = 500
T = TypeVar("T")


class ListSourceError(Exception):
    """The rows cannot be read; a retry may. Says which error it was, and no row."""


def rows_of(calls: Any, columns: ColumnMapping) -> Iterator[Mapping[str, Any]]:
    """Give the rows of a small list, or of a data frame, by the names of their columns in lower case.

    :raises InvalidCallError: if it is not a list of objects, or a column that is named is missing in one of them.
    """
    if is_data_frame(calls):
        folded(list(calls.columns))
        # Of pandas, or of polars.
        calls = calls.to_dicts() if hasattr(calls, "to_dicts") else calls.to_dict("records")
    if isinstance(calls, str | bytes | Mapping) or not isinstance(calls, Sequence):
        raise InvalidCallError(
            f"calls must be a list of objects, not {type(calls).__name__}: pass the output of a task "
            "(`my_task.output`), or set render_template_as_native_obj on the DAG."
        )
    rows = [_row(position, row) for position, row in enumerate(calls, 1)]
    if rows:
        columns.check(sorted(set.intersection(*(set(row) for row in rows))))
    yield from rows


def is_data_frame(calls: object) -> bool:
    """Tell a data frame from a list of objects, without importing pandas."""
    return hasattr(calls, "to_dict") and hasattr(calls, "columns")


def query_rows(sql_conn_id: str, sql: str, columns: ColumnMapping) -> Iterator[Mapping[str, Any]]:
    """Read a query, a few hundred rows at a time where its driver streams, by the names of its columns in lower case.

    :param sql_conn_id: a connection to any database of Airflow's common-sql.
    :raises InvalidCallError: if it gives no rows with names, or a column that is named is missing.
    :raises ListSourceError: if the database refuses the query.
    """
    with _asked(sql_conn_id, "sql", sql) as (given, batches):
        names = folded(given)
        columns.check(names)
        for rows in batches:
            for row in rows:
                yield dict(zip(names, row, strict=True))


def first_column(sql_conn_id: str, field: str, sql: str, name: Callable[[object], str | None]) -> Iterator[list[str]]:
    """Read the first column of a query, which names rows, in batches.

    :param field: which query it is, for messages.
    :param name: makes the name of a value; None where it names nobody.
    :raises InvalidCallError: if a value cannot be read; says in which row.
    :raises ListSourceError: if the database refuses the query.
    """
    positions = count(1)
    with _asked(sql_conn_id, field, sql) as (columns, batches):
        for rows in batches:
            found = [_named(name, row[0], f"column {columns[0]!r}, row {next(positions)}, of {field}") for row in rows]
            yield [each for each in found if each is not None]


def _named(name: Callable[[object], str | None], value: object, where: str) -> str | None:
    try:
        return name(value)
    except (InvalidCallError, ArithmeticError, TypeError, ValueError) as error:
        why = str(error) if isinstance(error, InvalidCallError) else f"{type(error).__name__}."
    raise InvalidCallError(f"The value in {where} cannot be read, so nobody is called: {why}")


def _row(position: int, row: object) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise InvalidCallError(
            f"calls must be a list of objects such as {{'to_number': '+1 800 555 0199'}}, but entry {position} is a "
            f"{type(row).__name__}."
        )
    return dict(zip(folded(list(row)), row.values(), strict=True))


@contextmanager
def _asked(sql_conn_id: str, field: str, sql: str) -> Iterator[tuple[list[str], Iterator[list[Sequence[Any]]]]]:
    """Ask; gives the names of the columns, and the rows in batches."""
    connection = _connect(sql_conn_id)
    with closing(connection), closing(connection.cursor()) as cursor:
        _telling_no_row(sql_conn_id, lambda: cursor.execute(sql))
        if not cursor.description:
            raise InvalidCallError(f"{field} gives no rows: let it be a single SELECT statement.")
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
            "database: name a connection to a database as sql_conn_id."
        )
    read_odd_times_as_text(connection)
    return connection


def _fetched(sql_conn_id: str, cursor: Any) -> list[Sequence[Any]]:
    rows = _telling_no_row(sql_conn_id, lambda: list(cursor.fetchmany(_AT_ONCE)))
    if rows and isinstance(rows[0], Mapping):
        raise InvalidCallError(
            f"Connection {sql_conn_id!r} gives rows as dictionaries, which may lose columns: remove `cursor` from its "
            "extra fields."
        )
    return rows


def _telling_no_row(sql_conn_id: str, ask: Callable[[], T]) -> T:
    try:
        return ask()
    except Exception as error:  # noqa: BLE001 - each driver has errors of its own
        raise ListSourceError(f"The query on {sql_conn_id!r} failed: {safe_error_message(error)}.") from None
