"""Redials of rows that have ended, at a person's request."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.history import record_events
from airflow_provider_voiceinfra.store.lists.list_states import ListState, state_columns
from airflow_provider_voiceinfra.store.lists.row_values import RowState
from airflow_provider_voiceinfra.store.models import ANSWERED, NO_GOAL, CallState

_BATCH = 500
_list, _row, _call = schema.call_list.c, schema.call_list_row.c, schema.call.c
# A row whose call was another list's has another result, and one that was purged has no number.
_ENDED_SO = sa.or_(
    sa.and_(_call.state == CallState.COMPLETED, _call.outcome == _row.result, _row.result != ANSWERED),
    sa.and_(_call.state == _row.result, _call.state.in_([CallState.REJECTED, CallState.OVERDUE])),
)
_MAY_BE_REDIALLED = sa.and_(_row.state == RowState.DONE, _row.to_number != "", _ENDED_SO)
_NOT_CALLED = (
    "already_called",
    "given_up",
    "not_eligible",
    "suppressed",
    CallState.CANCELLED.value,
    CallState.DO_NOT_CALL.value,
    CallState.EXPIRED.value,
)
_REFUSALS = {
    **dict.fromkeys(_NOT_CALLED, "they were not called: a new run of the DAG calls those who may be called"),
    ANSWERED: "their callees were reached",
    NO_GOAL: "their callees were reached: give the list a Redial with a rule for no_goal",
    CallState.UNKNOWN.value: "their calls may be in progress: `airflow voiceinfra calls resolve` settles them",
    CallState.OVERDUE.value: "their callees may have talked: name the ref of each row to redial instead",
}


class RedialError(StoreError):
    """Rows of this kind are not redialled; the message says why."""


class Redials:
    """Makes rows that have ended due again, as a new attempt.

    :param environment: rows of others are not changed.
    """

    def __init__(self, database: Database, environment: str) -> None:
        self._database = database
        self._environment = environment

    def by_result(self, list_id: str, result: str, *, actor: str) -> int:
        """Make all rows with a result due again.

        :return: how many.
        :raises RedialError: if their callees were reached, or may have been, or were not called.
        """
        if result in _REFUSALS:
            raise RedialError(f"Rows that are {result} are not redialled, because {_REFUSALS[result]}.")
        # A row that is dialled and ends again meanwhile is not redialled once more.
        which = sa.and_(_row.result == result, _row.ended_at <= self._database.clock.now())
        count = 0
        while redialled := self._redial(list_id, which, actor):
            count += len(redialled)
        return count

    def by_ref(self, list_id: str, refs: Collection[str], *, actor: str) -> set[str]:
        """Make rows due again by the refs of their latest calls, overdue ones included.

        :return: the refs of those that are; the others were answered, are in progress or unknown, or do not exist.
        """
        named = sorted(set(refs))
        batches = (named[first : first + _BATCH] for first in range(0, len(named), _BATCH))
        return {ref for batch in batches for ref in self._redial(list_id, _row.call_ref.in_(batch), actor)}

    def _redial(self, list_id: str, which: sa.ColumnElement[bool], actor: str) -> list[str]:
        """Make a batch of rows due again.

        :return: the refs of their latest calls.
        """
        mine = (_list.id == list_id, _list.environment == self._environment)
        query = (
            sa.select(_row.id, _row.attempt, _call.id.label("call"), _call.ref, _call.state)
            .join_from(schema.call_list_row, schema.call, _call.ref == _row.call_ref)
            .join(schema.call_list, _list.id == _row.list_id)
            .where(*mine, _MAY_BE_REDIALLED, which)
            .limit(_BATCH)
            .with_for_update(of=[schema.call_list_row, schema.call])
        )
        with self._database.write() as tx:
            # The list does not end before the transaction does.
            tx.execute(sa.select(_list.id).where(*mine).with_for_update())
            rows = tx.execute(query).all()
            if not rows:
                return []
            # A call that was rejected was not an attempt.
            due = [
                {"row": row.id, "next": row.attempt + (row.state != CallState.REJECTED)}
                for row in sorted(rows, key=lambda row: row.id)
            ]
            again = {"state": RowState.PENDING, "result": None, "ended_at": None, "due_at": time_of(tx)}
            # The person who asks outranks the one who cancelled the list before.
            again["cancelled"] = None
            update = sa.update(schema.call_list_row).where(_row.id == sa.bindparam("row"))
            tx.execute(update.values(**again, attempt=sa.bindparam("next")), due)
            calls = [row.call for row in rows]
            tx.execute(sa.update(schema.call).where(_call.id.in_(calls)).values(redial_asked_by=actor))
            record_events(tx, "redial_requested", {call: {} for call in calls}, actor=actor)
            ended = (*mine, _list.state == ListState.DONE)
            tx.execute(
                sa.update(schema.call_list).where(*ended).values(**state_columns(ListState.PLANNED), progress=None)
            )
        return [row.ref for row in rows]
