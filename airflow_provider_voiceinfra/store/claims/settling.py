"""Settling calls by their completions, whichever of answer and completion comes first."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.phone_numbers.number_match import NumberMatch, compare_numbers
from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.claims.recovery import complete_all
from airflow_provider_voiceinfra.store.history import record_events
from airflow_provider_voiceinfra.store.locks import lock_all
from airflow_provider_voiceinfra.store.models import CallState

log = logging.getLogger(__name__)

NOTHING_SAID: dict[str, Any] = {"body": b"", "from_number": None, "to_number": None}
"""What is left of a completion that was purged."""

_call, _completion = schema.call.c, schema.completion.c
_OF_CALLS = (
    sa.select(
        _completion.call_id,
        _completion.outcome,
        _completion.id,
        _completion.digest,
        _completion.first,
        _completion.received_at,
        _completion.start_time,
        _completion.duration_seconds,
        _completion.opt_out,
        *(_completion[name].label(f"said_{name}") for name in ("to_number", "from_number", "agent_id")),
        _call.id.label("row_id"),
        _call.ref,
        # Looked at here: SQLite would rather find all calls that are going on by it.
        _call.state,
        _call.purged_at,
        _call.webhook_conn_id,
        _call.to_number,
        _call.from_number,
        _call.agent_id,
    )
    .join_from(
        schema.call,
        schema.completion,
        sa.and_(_completion.call_id == _call.call_id, _completion.webhook_conn_id == _call.webhook_conn_id),
    )
    .where(_call.call_id.in_(sa.bindparam("call_ids", expanding=True)))
    .order_by(_call.id, _completion.first.desc(), _completion.id)
)
_SET_FIRST = sa.update(schema.completion).where(_completion.id == sa.bindparam("row"))


@dataclass(frozen=True, slots=True)
class Settled:
    """What completions have done.

    :param call_ids: of calls that were completed.
    :param taken: digests of the bodies that completed them.
    :param contradicting: digests of the bodies that name another number than was called, and completed nothing.
    """

    call_ids: set[str]
    taken: set[bytes]
    contradicting: set[bytes]


def lock_call_id(tx: sa.Connection, *call_ids: str) -> None:
    """Let the recording of an answer and of its completion not miss each other.

    Each writes one half and looks for the other.
    """
    lock_all(tx, (("call", call_id) for call_id in call_ids))


def settle(tx: sa.Connection, call_ids: Collection[str]) -> Settled:
    """Complete the calls that have these ``call_id``, where their completions are there; the locks must be held.

    One that names another number than was called completes nothing: it is another call's, whatever its ``call_id``. One
    that comes after it may. A number that cannot be read does not keep a call from being completed.
    """
    ended: dict[int, Any] = {}
    contradicting: list[Any] = []
    for row in tx.execute(_OF_CALLS, {"call_ids": list(call_ids)}):
        if row.state not in {CallState.QUEUED, CallState.OVERDUE} or row.row_id in ended:
            continue
        if compare_numbers(row.said_to_number, row.to_number) is not NumberMatch.DIFFERENT:
            ended[row.row_id] = row
        elif row.first:
            contradicting.append(row)
    _set_aside(tx, contradicting)
    _take(tx, ended)
    return Settled(
        {row.call_id for row in ended.values()},
        {row.digest for row in ended.values()},
        {row.digest for row in contradicting},
    )


def _set_aside(tx: sa.Connection, contradicting: Sequence[Any]) -> None:
    if not contradicting:
        return
    tx.execute(_SET_FIRST.values(first=False), [{"row": row.id} for row in contradicting])
    reason = {"reason": "it names another to_number than was called"}
    record_events(tx, "completion_contradicts", {row.row_id: reason for row in contradicting})
    for row in contradicting:
        log.warning(
            "A completion of call %s (%s) names another number than was called: it is kept, and completes nothing.",
            row.ref,
            row.call_id,
        )


def _take(tx: sa.Connection, ended: Mapping[int, Any]) -> None:
    """Complete calls; that another agent or caller ID is named is only reported."""
    if later := [row for row in ended.values() if not row.first]:
        tx.execute(_SET_FIRST.values(first=True), [{"row": row.id} for row in later])
    complete_all(tx, ended, "completed")
    differing = {row_id: fields for row_id, row in ended.items() if (fields := _differing(row))}
    reason = {row_id: {"reason": f"it names another {' and '.join(fields)}"} for row_id, fields in differing.items()}
    record_events(tx, "completion_differs", reason)
    for row in ended.values():
        if row.purged_at is not None:
            its = (_completion.call_id == row.call_id, _completion.webhook_conn_id == row.webhook_conn_id)
            tx.execute(sa.update(schema.completion).where(*its).values(NOTHING_SAID))


def _differing(row: Any) -> list[str]:
    from_number = compare_numbers(row.said_from_number, row.from_number)
    agent = ["agent_id"] if row.said_agent_id and row.said_agent_id != row.agent_id else []
    return agent + (["from_number"] if from_number is NumberMatch.DIFFERENT else [])
