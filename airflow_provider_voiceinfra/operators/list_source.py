"""Where the rows of a call list come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.sdk import BaseHook

from airflow_provider_voiceinfra.sql_errors import reason

if TYPE_CHECKING:
    from airflow_provider_voiceinfra.calls.list_rows import Columns

_AT_ONCE = 500
T = TypeVar("T")


class ListSourceError(Exception):
    """The rows cannot be read; a retry may. Says which error it was, and no row."""


def rows_of(calls: Any, columns: Columns) -> Iterator[Mapping[str, Any]]:
    """Give the rows of a small list, or of a data frame.

    :raises InvalidCallError: if a column that is named is missing in one of them.
    """
    rows = calls.to_dict("records") if is_data_frame(calls) else list(calls)
    if rows:
        columns.check(sorted(set.intersection(*(set(row) for row in rows))))
    yield from rows


def is_data_frame(calls: object) -> bool:
    """Tell a data frame from a list of objects, without importing pandas."""
    return hasattr(calls, "to_dict")


def query_rows(sql_conn_id: str, sql: str, columns: Columns) -> Iterator[Mapping[str, Any]]:
    """Read a query, a few hundred rows at a time where its driver streams.

    :param sql_conn_id: a connection to any database of Airflow's common-sql.
    :raises InvalidCallError: if a column that is named is missing.
    :raises ListSourceError: if the database refuses the query.
    """
    with _asked(sql_conn_id, sql) as (names, batches):
        columns.check(names)
        for rows in batches:
            for row in rows:
                yield dict(zip(names, row, strict=True))


def first_column(sql_conn_id: str, sql: str, name: Callable[[object], str | None]) -> Iterator[list[str]]:
    """Read the first column of a query, which names rows, in batches.

    :param name: makes the name of a value; None where it names nobody.
    :raises ListSourceError: if the database refuses the query.
    """
    with _asked(sql_conn_id, sql) as (_, batches):
        for rows in batches:
            yield [found for found in (name(row[0]) for row in rows) if found is not None]


@contextmanager
def _asked(sql_conn_id: str, sql: str) -> Iterator[tuple[list[str], Iterator[list[Sequence[Any]]]]]:
    """Ask; gives the names of the columns, and the rows in batches."""
    connection = BaseHook.get_hook(sql_conn_id).get_conn()
    with closing(connection), closing(connection.cursor()) as cursor:
        _telling_no_row(sql_conn_id, lambda: cursor.execute(sql))
        names = [column[0] for column in cursor.description]
        yield names, iter(lambda: _telling_no_row(sql_conn_id, lambda: list(cursor.fetchmany(_AT_ONCE))), [])


def _telling_no_row(sql_conn_id: str, ask: Callable[[], T]) -> T:
    try:
        return ask()
    except Exception as error:  # noqa: BLE001 - each driver has errors of its own
        raise ListSourceError(f"The query on {sql_conn_id!r} failed: {reason(error)}.") from None
