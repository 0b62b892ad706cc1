"""Which tasks have asked for a call and were not given its claim: a retry of theirs gets the same answer."""

from __future__ import annotations

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.hashing import join_parts
from airflow_provider_voiceinfra.store.models import Source

_requester = schema.call_requester.c


def record_requester(tx: sa.Connection, row_id: int, source: Source) -> None:
    """Note that a task has asked for a call, since the clear that it runs after."""
    if source.dag_id is not None:
        insert = schema.insert(tx, schema.call_requester).values(call=row_id, **_identity(source))
        tx.execute(insert.on_conflict_do_nothing())


def requester_label(source: Source) -> str:
    """Name who asks for a call, for its history: a task, from one clear to the next."""
    return join_parts(source.dag_id, source.logical_run, source.task_id, source.map_index, source.generation)


def requested_by(call: sa.ColumnElement[int], source: Source) -> sa.ColumnElement[bool]:
    """Match calls that a task has asked for, since the clear that it runs after.

    :param call: the column of the call's row.
    """
    if source.dag_id is None:
        return sa.false()
    same = [_requester[name] == value for name, value in _identity(source).items()]
    return sa.exists().where(_requester.call == call, *same)


def _identity(source: Source) -> dict[str, str | int]:
    # A notifier of a DAG asks for no task, and a callback may know no run.
    return {
        "dag_id": source.dag_id or "",
        "logical_run": source.logical_run or "",
        "task_id": source.task_id or "",
        "map_index": source.map_index,
        "generation": source.generation,
    }
