"""The pilot of a call list: its first rows, after whose calls the list is paused until a person resumes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.guard.pauses import Scope, add_pause
from airflow_provider_voiceinfra.store.lists.list_rows import ListRows, select_pending
from airflow_provider_voiceinfra.store.lists.row_values import DueRow, RowState
from airflow_provider_voiceinfra.store.row_endings import last_result

ACTOR = "pilot"
"""Who pauses a list after its pilot."""

_list, _row, _call = schema.call_list.c, schema.call_list_row.c, schema.call.c


class Pilots:
    """Knows which rows are in the pilot of a list. Only these are called until it is over.

    A row takes a place before it is claimed, and gives it up if the guard does not let it be called at all.

    :param database: the store's database.
    :param environment: of the pauses.
    :param rows: of all lists.
    """

    def __init__(self, database: Database, environment: str, rows: ListRows) -> None:
        self._database = database
        self._environment = environment
        self._rows = rows

    def is_over(self, list_id: str) -> bool:
        """Return whether the list was paused after its pilot, now or before."""
        ended = sa.exists().where(_list.id == list_id, _list.pilot_ended_at.is_not(None))
        with self._database.read() as tx:
            return bool(tx.scalar(sa.select(ended)))

    def due(self, list_id: str, size: int, now: datetime, count: int, *, by_priority: bool = False) -> list[DueRow]:
        """Return rows of the pilot that are due; rows of the list that are due take its free places.

        :param size: how many places the pilot has.
        """
        pilot = select_pending(list_id).where(_row.in_pilot.is_not(None), _row.due_at <= now)
        with self._database.read() as tx:
            rows = [DueRow(*row) for row in tx.execute(pilot.order_by(_row.due_at, _row.id).limit(count))]
            free = min(size - _taken(tx, list_id), count - len(rows))
        if free <= 0:
            return rows
        known = {row.id for row in rows}
        due = self._rows.due(list_id, now, count, by_priority=by_priority)
        return rows + self._take_places(list_id, size, [row for row in due if row.id not in known][:free])

    def next_due(self, list_id: str, size: int) -> datetime | None:
        """Return when the next row is due that may be called; None while calls of the pilot are going on."""
        due_at, is_open = sa.func.min(_row.due_at), _row.state == RowState.OPEN
        with self._database.read() as tx:
            if _taken(tx, list_id) >= size:
                pilot, pending = _of_pilot(list_id), _row.state == RowState.PENDING
                due: datetime | None = tx.scalar(sa.select(due_at).where(*pilot, pending))
                if due is not None or tx.scalar(sa.select(sa.exists().where(*pilot, is_open))):
                    return due
        # Its calls have ended since it was looked at last, or it has free places.
        return self._rows.next_due(list_id)

    def outcomes(self, list_id: str, size: int) -> Counter[str] | None:
        """Count the rows of the pilot by how their last call ended; None if places are free or calls are going on."""
        how = sa.func.coalesce(_row.result, last_result(_row.call_ref), _call.state).label("how")
        is_open = sa.or_(_row.state == RowState.OPEN, sa.and_(_row.state == RowState.PENDING, _row.attempt == 1))
        query = (
            sa.select(how, is_open, sa.func.count())
            .outerjoin_from(schema.call_list_row, schema.call, _call.ref == _row.call_ref)
            .where(*_of_pilot(list_id))
            .group_by(how, is_open)
        )
        with self._database.read() as tx:
            found = tx.execute(query).all()
        outcomes = Counter({how: count for how, _, count in found})
        return None if any(still_open for _, still_open, _ in found) or outcomes.total() < size else outcomes

    def end(self, list_id: str, reason: str) -> bool:
        """Pause a list after its pilot.

        :return: False if that was done before.
        """
        with self._database.write() as tx:
            ended = sa.update(schema.call_list).where(_list.id == list_id, _list.pilot_ended_at.is_(None))
            if not tx.execute(ended.values(pilot_ended_at=time_of(tx))).rowcount:
                return False
            # No call of the list is being sent, as after any other pause.
            add_pause(tx, self._environment, Scope.LIST, list_id, reason=reason, actor=ACTOR)
        return True

    def _take_places(self, list_id: str, size: int, rows: Sequence[DueRow]) -> list[DueRow]:
        with self._database.write() as tx:
            # No other worker takes places before the transaction ends.
            tx.execute(sa.select(_list.id).where(_list.id == list_id).with_for_update())
            taking = rows[: max(0, size - _taken(tx, list_id))]
            pending = (_row.id.in_([row.id for row in taking]), _row.state == RowState.PENDING)
            tx.execute(sa.update(schema.call_list_row).where(*pending).values(in_pilot=True))
        return list(taking)


def _of_pilot(list_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return _row.list_id == list_id, _row.in_pilot.is_not(None), _row.state != RowState.DROPPED


def _taken(tx: sa.Connection, list_id: str) -> int:
    query = sa.select(sa.func.count()).select_from(schema.call_list_row).where(*_of_pilot(list_id))
    return tx.scalar(query) or 0
