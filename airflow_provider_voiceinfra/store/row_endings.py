"""How rows of call lists end that are not called any more."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.models import NO_GOAL, CallState, Goal

_row, _call, _latest = schema.call_list_row.c, schema.call.c, schema.call.alias().c
_ITS_RESULT = sa.case((_call.goal == Goal.MISSED, NO_GOAL), else_=_call.outcome)


def end_uncalled(result: str, ref: str | None = None) -> dict[str, Any]:
    """Return the result of rows that are not called any more, and the call that it is of.

    Rows that were to be redialled end as their last completed call did: its outcome is not lost.

    :param result: of the other rows.
    :param ref: of the latest call; default: of the one that the row has.
    """
    its_ref = _row.call_ref if ref is None else sa.literal(ref)
    return {
        "result": sa.func.coalesce(last_result(its_ref), result),
        "call_ref": sa.func.coalesce(_of_last_completed(_call.ref, its_ref), its_ref),
    }


def last_result(ref: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
    """Select how the last completed call of a row that is redialled ended.

    :param ref: of any of its calls.
    """
    return _of_last_completed(_ITS_RESULT, ref)


def _of_last_completed(value: sa.ColumnElement[Any], ref: sa.ColumnElement[Any]) -> sa.ScalarSelect[Any]:
    """Select a value of the last completed call of a row's intent, by the ref of any of its calls."""
    query = sa.select(value).where(_row.attempt > 1, _latest.ref == ref, schema.same_intent(_call, _latest))
    last = query.where(_call.state == CallState.COMPLETED).order_by(_call.id.desc()).limit(1)
    return last.correlate(schema.call_list_row).scalar_subquery()
