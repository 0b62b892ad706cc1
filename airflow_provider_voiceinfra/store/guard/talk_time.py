"""How long calls talk: an estimate while they are in progress, and what their completions say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from statistics import median
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.engine import update_at_end
from airflow_provider_voiceinfra.store.models import Realm

DEFAULT_ESTIMATE = 120
"""Seconds that a call of an agent may talk that has answered no call yet."""
_SAMPLE = 100

_budget, _call = schema.budget.c, schema.call.c
_LAST_ANSWERED = (
    sa.select(_call.duration_seconds)
    .where(
        _call.environment == sa.bindparam("environment"),
        _call.realm == sa.bindparam("realm"),
        _call.agent_id == sa.bindparam("agent_id"),
        # As the index says it.
        sa.text(schema.IS_ANSWERED),
    )
    .order_by(_call.completed_at.desc())
    .limit(_SAMPLE)
)
_UNDER_LIMIT = sa.select(_call.id, _call.duration_seconds, _call.talked_seconds).add_columns(
    _call.environment, _call.realm, _call.conn_id, _call.list_id, _call.counted_on
)
_UNDER_LIMIT = _UNDER_LIMIT.where(
    _call.id.in_(sa.bindparam("ids", expanding=True)), _call.estimated_seconds.is_not(None)
)


def estimate(tx: sa.Connection, environment: str, realm: Realm, agent_id: str) -> int:
    """Estimate how many seconds a call of an agent talks: the median of its last answered calls."""
    durations = tx.scalars(_LAST_ANSWERED, {"environment": environment, "realm": realm, "agent_id": agent_id}).all()
    return round(median(durations)) if durations else DEFAULT_ESTIMATE


def count_talked(tx: sa.Connection, row_ids: Collection[int]) -> None:
    """Count what calls have talked, as it is known now, against the minutes of their connection and list.

    Call it whenever a call is completed, or turns out not to be: it counts only what has changed.
    """
    found = tx.execute(_UNDER_LIMIT, {"ids": list(row_ids)}).all()
    changed = [row for row in found if (row.duration_seconds or 0) != row.talked_seconds]
    if not changed:
        return
    talked = {"talked_seconds": sa.func.coalesce(_call.duration_seconds, 0)}
    tx.execute(sa.update(schema.call).where(_call.id.in_([row.id for row in changed])).values(talked))
    used: Counter[tuple[str, ...]] = Counter()
    for row in changed:
        seconds = (row.duration_seconds or 0) - row.talked_seconds
        if row.counted_on is not None:
            used["connection", row.environment, row.realm, row.conn_id, row.counted_on] += seconds
        if row.list_id is not None:
            used["list", row.environment, row.realm, row.list_id] += seconds
    for name, seconds in used.items():
        update_budget(tx, name, talked_seconds=_budget.talked_seconds + seconds)


def update_budget(tx: sa.Connection, name: tuple[str, ...], *only: sa.ColumnElement[bool], **values: Any) -> None:
    """Correct at the end of a transaction what a budget has counted; a connection's before a list's, as claims do.

    :param name: which kind it is, its key, and for a connection the day: that of another day is left as it is.
    """
    columns = (_budget.environment, _budget.realm, _budget.name, _budget.day)
    same = [column == value for column, value in zip(columns, name[1:], strict=False)]
    update_at_end(tx, name, sa.update(schema.budget).where(*same, *only).values(values))
