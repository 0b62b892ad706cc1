"""The rows of a list for those who look into it: page by page, and by key or number."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.hashing import hash_key
from airflow_provider_voiceinfra.store.lists.list_pages import ListRow, read_rows, select_rows
from airflow_provider_voiceinfra.store.lists.row_values import RowState

PAGE = 50

_row = schema.call_list_row.c


@dataclass(frozen=True, slots=True)
class RowPage:
    """A page of rows, in the order in which they are or were due.

    :param last: the id of its last row, after which the next page begins; None if there are no more rows.
    """

    rows: list[ListRow]
    last: int | None


class RowPages:
    """Reads the rows of lists.

    :param environment: the lists of others are not seen.
    """

    def __init__(self, database: Database, environment: str) -> None:
        self._database = database
        self._environment = environment

    def page(self, list_id: str, state: RowState, *, result: str | None = None, after: int | None = None) -> RowPage:
        """Return the rows in a state.

        :param result: only those with this result, or reason; None for all.
        :param after: the last row of the page before; None for the first page.
        """
        query = select_rows(list_id, self._environment).where(_row.state == state)
        if result is not None:
            query = query.where(_row.result == result)
        if after is not None:
            last = schema.call_list_row.alias()
            due_at = sa.select(last.c.due_at).where(last.c.id == after, last.c.list_id == list_id).scalar_subquery()
            query = query.where(_row.due_at >= due_at, sa.or_(_row.due_at > due_at, _row.id > after))
        with self._database.read() as tx:
            rows = read_rows(tx, query.order_by(_row.due_at, _row.id).limit(PAGE + 1))
        return RowPage(rows[:PAGE], rows[PAGE - 1].id if len(rows) > PAGE else None)

    def find(self, list_id: str, key: str, number: str | None) -> list[ListRow]:
        """Find rows by their key or number.

        :param number: in E.164; None if only the key is looked for.
        """
        its_number = sa.false() if number is None else _row.to_number == number
        places = [
            _row.key_hash == hash_key(key),
            sa.and_(its_number, sa.text(schema.HAS_NUMBER)),
            # These are in no index by key or number.
            sa.and_(_row.state == RowState.SET_ASIDE, sa.or_(_row.key == key, its_number)),
        ]
        query = select_rows(list_id, self._environment).limit(PAGE)
        with self._database.read() as tx:
            found = {row.id: row for place in places for row in read_rows(tx, query.where(place))}
            if not found and number is not None:
                # A row that is not called at this one now, but has it, too.
                others = sa.cast(_row.numbers, sa.Text).contains(f'"{number}"', autoescape=True)
                return read_rows(tx, query.where(others))
        return list(found.values())
