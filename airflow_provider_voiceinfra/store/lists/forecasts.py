"""Forecasts of call lists: a sample of the rows that are left, and what was forecast last."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.lists.list_rows import select_pending
from airflow_provider_voiceinfra.store.lists.row_values import DueRow, RowState

_PLACES, _AT_EACH = 20, 25
_list, _row = schema.call_list.c, schema.call_list_row.c


class SampledRow(NamedTuple):
    """A row that is left, and when it is due."""

    row: DueRow
    due_at: datetime


class StoredForecast(NamedTuple):
    """When a list will be done, and how many of its rows will not be called; None where that is not known."""

    done_at: datetime | None
    not_called: int | None


class Forecasts:
    """Reads and records what forecasts need.

    :param database: the store's database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def sample(self, list_id: str) -> list[SampledRow]:
        """Return a few hundred pending rows from all parts of a list; all of them if there are not more."""
        pending = (_row.list_id == list_id, _row.state == RowState.PENDING)
        query = select_pending(list_id).add_columns(_row.due_at).order_by(_row.id).limit(_AT_EACH)
        found: dict[int, SampledRow] = {}
        with self._database.read() as tx:
            first, last = tx.execute(sa.select(sa.func.min(_row.id), sa.func.max(_row.id)).where(*pending)).one()
            for place in range(_PLACES if first is not None else 0):
                begin = max((first + (last - first) * place // _PLACES, *(each + 1 for each in found)))
                for *row, due_at in tx.execute(query.where(_row.id >= begin)):
                    found[row[0]] = SampledRow(DueRow(*row), due_at)
        return list(found.values())

    def record(self, list_id: str, done_at: datetime | None, not_called: int) -> None:
        """Record a forecast."""
        values = {"forecast_done_at": done_at, "forecast_not_called": not_called}
        with self._database.write() as tx:
            tx.execute(sa.update(schema.call_list).where(_list.id == list_id).values(values))

    def get(self, list_id: str) -> StoredForecast:
        """Return the last forecast of a list."""
        query = sa.select(_list.forecast_done_at, _list.forecast_not_called).where(_list.id == list_id)
        with self._database.read() as tx:
            row = tx.execute(query).first()
        return StoredForecast(None, None) if row is None else StoredForecast(*row)
