"""Inserts and updates of many rows, each with values of its own.

PostgreSQL parses and plans a statement for each set of values, because prepared statements do not survive a pooler in
transaction mode, and the driver parses a long text anew. So all values are passed as arrays, one for each column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

Row = Mapping[str, Any]
"""Values by the names of their columns."""


def insert_rows(tx: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    """Insert rows, which all have values of the same columns."""
    if not rows:
        return
    if tx.dialect.name == "postgresql":
        tx.execute(_insert_arrays(table, tuple(rows[0])), _arrays(rows))
    else:
        tx.execute(table.insert(), rows)


def update_rows(tx: sa.Connection, table: sa.Table, rows: Sequence[Row], shared: Row) -> None:
    """Update rows by their ids.

    :param rows: the id of each, and its own values, of the same columns for all.
    :param shared: values that all rows get.
    """
    if not rows:
        return
    names = tuple(rows[0])
    if tx.dialect.name == "postgresql":
        tx.execute(_update_by_arrays(table, names).values(**shared), _arrays(rows))
    else:
        each = [{_name(name): value for name, value in row.items()} for row in rows]
        tx.execute(_update_each(table, names).values(**shared), each)


# Made once, because lists pass them many times a second.
@cache
def _insert_arrays(table: sa.Table, names: tuple[str, ...]) -> sa.Insert:
    return table.insert().from_select(names, sa.select(*_unnested(table, names).columns))


@cache
def _update_by_arrays(table: sa.Table, names: tuple[str, ...]) -> sa.Update:
    new = _unnested(table, names).columns
    values = {name: new[_name(name)] for name in names if name != "id"}
    return sa.update(table).where(table.c.id == new[_name("id")]).values(**values)


@cache
def _update_each(table: sa.Table, names: tuple[str, ...]) -> sa.Update:
    values: dict[str, Any] = {name: sa.bindparam(_name(name)) for name in names if name != "id"}
    return sa.update(table).where(table.c.id == sa.bindparam(_name("id"))).values(**values)


def _unnested(table: sa.Table, names: tuple[str, ...]) -> sa.TableValuedAlias:
    columns = [table.c[name] for name in names]
    arrays = (sa.bindparam(_name(column.name), type_=ARRAY(_item_type(column.type))) for column in columns)
    return sa.func.unnest(*arrays).table_valued(*map(_name, names)).render_derived("given")


def _arrays(rows: Sequence[Row]) -> dict[str, list[Any]]:
    return {_name(name): [row[name] for row in rows] for name in rows[0]}


def _name(column: str) -> str:
    """Return a name that differs from the columns'."""
    return f"its_{column}"


def _item_type(type_: sa.types.TypeEngine[Any]) -> sa.types.TypeEngine[Any]:
    """Return the type of an array's items, which cuts off nothing that is too long for the column."""
    if isinstance(type_, sa.String):
        return sa.Text()
    return JSONB() if isinstance(type_, sa.JSON) else type_
