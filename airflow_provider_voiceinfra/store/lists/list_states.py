"""How far the tasks of call lists have come."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.lists.row_values import RowState


class ListState(StrEnum):
    """How far the task of a list has come."""

    READING = "reading"
    """Its rows are being read."""
    PLANNED = "planned"
    """Its rows are read, and none is dialled yet."""
    DIALLING = "dialling"
    """Rows are dialled, or their calls are in progress."""
    DEFERRED = "deferred"
    """No row is due, or none may be called, until a time."""
    DONE = "done"
    """Every row has ended."""
    FAILED = "failed"
    """Its task has failed; the reason says why."""


class ListStates:
    """Records how far the task of a list has come.

    :param database: the store's database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def dialling(self, list_id: str) -> None:
        """Record that rows are dialled, or that their calls are in progress."""
        self._record(list_id, ListState.DIALLING)

    def deferred(self, list_id: str, until: datetime, pause_id: int | None) -> None:
        """Record that nobody is called until a time, or until a pause ends."""
        self._record(list_id, ListState.DEFERRED, deferred_until=until, pause_id=pause_id)

    def done(self, list_id: str) -> bool:
        """Record that every row has ended.

        :return: False if one has not: a person has just asked for its redial.
        """
        rows, lists = schema.call_list_row.c, schema.call_list.c
        goes_on = sa.exists().where(rows.list_id == list_id, rows.state.in_([RowState.PENDING, RowState.OPEN]))
        with self._database.write() as tx:
            # Nobody asks for a redial before the transaction ends.
            tx.execute(sa.select(lists.id).where(lists.id == list_id).with_for_update())
            update = sa.update(schema.call_list).where(lists.id == list_id, ~goes_on)
            return tx.execute(update.values(state_columns(ListState.DONE))).rowcount > 0

    def failed(self, list_id: str, reason: str) -> None:
        """Record why the task has failed.

        :param reason: without numbers or content.
        """
        self._record(list_id, ListState.FAILED, state_reason=reason)

    def _record(self, list_id: str, state: ListState, **values: Any) -> None:
        update = sa.update(schema.call_list).where(schema.call_list.c.id == list_id)
        with self._database.write() as tx:
            tx.execute(update.values(state_columns(state, **values)))


def state_columns(state: ListState, **values: Any) -> dict[str, Any]:
    """Return the columns of a list's state: what an earlier state left there is removed."""
    return {"state": state, "state_reason": None, "deferred_until": None, "pause_id": None, **values}
