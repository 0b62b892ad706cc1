"""Call lists for those who watch them: which there are, and which rows are how far."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.guard.pauses import Pause, Scope, pauses_in_force
from airflow_provider_voiceinfra.store.lists.list_rows import RowState
from airflow_provider_voiceinfra.store.lists.list_states import ListState

LISTS = 50
"""So many lists are shown."""
_AT_ONCE = 500

_list, _row = schema.call_list.c, schema.call_list_row.c
_SHOWN = ("id", "dag_id", "run_id", "task_id", "map_index", "created_at", "imported_generation")
_STATE = ("state", "state_reason", "deferred_until", "cancelled_by", "pause_id")


@dataclass(frozen=True, slots=True)
class CallList:
    """A list.

    :param imported_generation: the clear that has imported all its rows; None before.
    :param state: how far its task has come.
    :param described_state: the same for people, with its reason, its end and its pause.
    """

    id: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    created_at: datetime
    imported_generation: int | None
    state: ListState
    described_state: str


@dataclass(frozen=True, slots=True)
class ListRow:
    """A row of a list.

    :param result: how it ended, or why it is set aside.
    :param metadata: what the DAG keeps with its call.
    """

    id: int
    list_id: str
    position: int
    key: str | None = field(repr=False)
    to_number: str = field(repr=False)
    state: RowState
    result: str | None
    attempt: int
    due_at: datetime
    call_ref: str | None
    ended_at: datetime | None
    metadata: Mapping[str, Any] = field(repr=False)


class ListPages:
    """Reads lists.

    :param database: the store's database.
    :param environment: the lists of others are not seen.
    """

    def __init__(self, database: Database, environment: str) -> None:
        self._database = database
        self._environment = environment

    def newest(self, dag_ids: Collection[str] | None = None) -> list[CallList]:
        """Return the newest lists.

        :param dag_ids: only those of these DAGs; None for all.
        """
        seen = [] if dag_ids is None else [_list.dag_id.in_(dag_ids)]
        with self._database.read() as tx:
            return self._lists(tx, *seen)

    def get(self, list_id: str) -> CallList | None:
        """Find a list."""
        with self._database.read() as tx:
            return next(iter(self._lists(tx, _list.id == list_id)), None)

    def rows(self, list_id: str, *states: RowState, result: str | None = None) -> Iterator[ListRow]:
        """Return the rows that are so far, in the order in which they are or were due, reading them page by page.

        :param result: only those with this result, or reason; None for all.
        """
        for state in states or RowState:
            yield from self._rows(list_id, state, result)

    def _lists(self, tx: sa.Connection, *where: sa.ColumnElement[bool]) -> list[CallList]:
        columns = [_list[name] for name in (*_SHOWN, *_STATE)]
        query = sa.select(*columns).where(_list.environment == self._environment, *where)
        rows = tx.execute(query.order_by(_list.created_at.desc()).limit(LISTS)).mappings().all()
        pauses = pauses_in_force(tx, self._environment)
        return [
            CallList(
                **{name: row[name] for name in _SHOWN},
                state=ListState(row["state"]),
                described_state=_describe_state(row, pauses),
            )
            for row in rows
        ]

    def _rows(self, list_id: str, state: RowState, result: str | None) -> Iterator[ListRow]:
        columns = [_row[each.name] for each in fields(ListRow)]
        mine = sa.exists().where(_list.id == _row.list_id, _list.environment == self._environment)
        query = (
            sa.select(*columns)
            .where(_row.list_id == list_id, _row.state == state, mine)
            .where(*([] if result is None else [_row.result == result]))
            .order_by(_row.due_at, _row.id)
            .limit(_AT_ONCE)
        )
        page = query
        while True:
            with self._database.read() as tx:
                found = tx.execute(page).mappings().all()
            rows = [ListRow(**dict(row) | {"state": RowState(row["state"])}) for row in found]
            yield from rows
            if len(rows) < _AT_ONCE:
                return
            due_at, row_id = rows[-1].due_at, rows[-1].id
            page = query.where(_row.due_at >= due_at, sa.or_(_row.due_at > due_at, _row.id > row_id))


def _describe_state(row: Mapping[Any, Any], pauses: Iterable[Pause]) -> str:
    if row["state"] == ListState.FAILED:
        return f"failed: {row['state_reason']}"
    if row["cancelled_by"] is not None:
        return f"cancelled by {row['cancelled_by']}"
    if row["state"] in {ListState.DONE, ListState.READING}:
        return str(row["state"])
    # Of a connection or an agent, which its rows may differ in, the one that its task met.
    scopes = {Scope.ALL: "", Scope.DAG: row["dag_id"], Scope.LIST: row["id"]}
    for pause in pauses:
        if pause.id == row["pause_id"] or scopes.get(pause.scope) == pause.name:
            return f"paused by {pause.paused_by}: {pause.reason}"
    if row["deferred_until"] is not None:
        return f"deferred until {row['deferred_until']:%Y-%m-%d %H:%M:%S} UTC"
    return str(row["state"])
