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
from airflow_provider_voiceinfra.store.lists.list_progress import ListProgress
from airflow_provider_voiceinfra.store.lists.list_states import ListState
from airflow_provider_voiceinfra.store.lists.row_values import RowState

LISTS = 50
"""So many lists are shown."""
_AT_ONCE = 500

_list, _row = schema.call_list.c, schema.call_list_row.c
_SHOWN = ("id", "dag_id", "run_id", "task_id", "map_index", "created_at", "imported_generation")
_STATE = ("state_reason", "deferred_until", "cancelled_by", "forecast_done_at", "forecast_not_called")


@dataclass(frozen=True, slots=True)
class CallList:
    """A list.

    :param imported_generation: the clear that has imported all its rows; None before.
    :param state: how far its task has come.
    :param state_reason: why its task has failed.
    :param deferred_until: when its task goes on; None if it does not wait.
    :param cancelled_by: who cancelled its waiting rows.
    :param forecast_done_at: when it will be done, as its task has forecast last.
    :param forecast_not_called: how many of its rows will not be called in time.
    :param pause: that it waits for.
    :param progress: as its task has recorded it last; None before.
    """

    id: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    created_at: datetime
    imported_generation: int | None
    state: ListState
    state_reason: str | None
    deferred_until: datetime | None
    cancelled_by: str | None
    forecast_done_at: datetime | None
    forecast_not_called: int | None
    pause: Pause | None
    progress: ListProgress | None

    @property
    def shown_state(self) -> str:
        """Its state in one word, for people."""
        if self.state == ListState.FAILED:
            return "failed"
        if self.cancelled_by is not None:
            return "cancelled"
        return "paused" if self.pause is not None else str(self.state)

    @property
    def described_state(self) -> str:
        """Its state for people, with its reason, its end and its pause."""
        match self.shown_state:
            case "failed":
                return f"failed: {self.state_reason}"
            case "cancelled":
                return f"cancelled by {self.cancelled_by}"
            case "paused" if self.pause is not None:
                return f"paused by {self.pause.paused_by}: {self.pause.reason}"
            case _ if self.deferred_until is not None:
                return f"deferred until {self.deferred_until:%Y-%m-%d %H:%M:%S} UTC"
            case name:
                return name


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
        columns = [_list[name] for name in (*_SHOWN, *_STATE, "state", "pause_id", "progress")]
        query = sa.select(*columns).where(_list.environment == self._environment, *where)
        rows = tx.execute(query.order_by(_list.created_at.desc()).limit(LISTS)).mappings().all()
        pauses = pauses_in_force(tx, self._environment)
        return [
            CallList(
                **{name: row[name] for name in (*_SHOWN, *_STATE)},
                state=ListState(row["state"]),
                pause=_pause_of(row, pauses),
                progress=None if row["progress"] is None else ListProgress.from_json(row["progress"]),
            )
            for row in rows
        ]

    def _rows(self, list_id: str, state: RowState, result: str | None) -> Iterator[ListRow]:
        query = (
            select_rows(list_id, self._environment)
            .where(_row.state == state, *([] if result is None else [_row.result == result]))
            .order_by(_row.due_at, _row.id)
            .limit(_AT_ONCE)
        )
        page = query
        while True:
            with self._database.read() as tx:
                rows = read_rows(tx, page)
            yield from rows
            if len(rows) < _AT_ONCE:
                return
            due_at, row_id = rows[-1].due_at, rows[-1].id
            page = query.where(_row.due_at >= due_at, sa.or_(_row.due_at > due_at, _row.id > row_id))


def select_rows(list_id: str, environment: str) -> sa.Select[Any]:
    """Select the rows of a list, if it is one of this environment."""
    mine = sa.select(_list.id).where(_list.id == list_id, _list.environment == environment)
    return sa.select(*[_row[each.name] for each in fields(ListRow)]).where(_row.list_id == mine.scalar_subquery())


def read_rows(tx: sa.Connection, query: sa.Select[Any]) -> list[ListRow]:
    """Read rows that :func:`select_rows` selects."""
    return [ListRow(**dict(row) | {"state": RowState(row["state"])}) for row in tx.execute(query).mappings()]


def _pause_of(row: Mapping[Any, Any], pauses: Iterable[Pause]) -> Pause | None:
    """Return the pause that a list which has not ended waits for."""
    if row["state"] in {ListState.DONE, ListState.READING, ListState.FAILED}:
        return None
    # Of a connection or an agent, which its rows may differ in, the one that its task met.
    scopes = {Scope.ALL: "", Scope.DAG: row["dag_id"], Scope.LIST: row["id"]}
    met = (pause for pause in pauses if pause.id == row["pause_id"] or scopes.get(pause.scope) == pause.name)
    return next(met, None)
