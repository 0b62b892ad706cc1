"""Gives back what calls were counted for that were not sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.guard.talk_time import count_talked, update_budget

_budget, _call = schema.budget.c, schema.call.c


def refund(tx: sa.Connection, row_ids: Collection[int]) -> None:
    """Count calls no more against the day's limits, because nothing was sent; each is refunded once.

    :param row_ids: of the calls.
    """
    # While it is known on which day they are counted.
    count_talked(tx, row_ids)
    counted = (_call.id.in_(row_ids), _call.counted_on.is_not(None))
    counted_as = (_call.environment, _call.realm, _call.conn_id, _call.counted_on)
    rows = tx.execute(sa.select(*counted_as).where(*counted)).all()
    if not rows:
        return
    tx.execute(sa.update(schema.call).where(*counted).values(counted_on=None))
    for used, count in Counter(tuple(row) for row in rows).items():
        update_budget(tx, ("connection", *used), _budget.calls >= count, calls=_budget.calls - count)
