"""Where the rows of a call list come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook

if TYPE_CHECKING:
    from airflow_provider_voiceinfra.calls.list_rows import Columns

_AT_ONCE = 500


def rows_of(calls: Sequence[Mapping[str, Any]], columns: Columns) -> Iterator[Mapping[str, Any]]:
    """Give the rows of a small list.

    :raises InvalidCallError: if a column that is named is missing in one of them.
    """
    rows = list(calls)
    if rows:
        columns.check(sorted(set.intersection(*(set(row) for row in rows))))
    yield from rows


def query_rows(sql_conn_id: str, sql: str, columns: Columns) -> Iterator[Mapping[str, Any]]:
    """Read a query, a few hundred rows at a time where its driver streams.

    :param sql_conn_id: a connection to any database of Airflow's common-sql.
    :raises InvalidCallError: if a column that is named is missing.
    """
    connection = BaseHook.get_hook(sql_conn_id).get_conn()
    with closing(connection), closing(connection.cursor()) as cursor:
        cursor.execute(sql)
        names = [column[0] for column in cursor.description]
        columns.check(names)
        while rows := cursor.fetchmany(_AT_ONCE):
            for row in rows:
                yield dict(zip(names, row, strict=True))


def first_column(sql_conn_id: str, sql: str, name: Callable[[object], str | None]) -> Iterator[list[str]]:
    """Read the first column of a query, which names rows, in batches.

    :param name: makes the name of a value; None where it names nobody.
    """
    connection = BaseHook.get_hook(sql_conn_id).get_conn()
    with closing(connection), closing(connection.cursor()) as cursor:
        cursor.execute(sql)
        while rows := cursor.fetchmany(_AT_ONCE):
            yield [found for found in (name(row[0]) for row in rows) if found is not None]
