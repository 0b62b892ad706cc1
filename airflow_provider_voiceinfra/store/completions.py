"""Completions: which calls they end, and which have arrived."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.same_number import Named, compare
from airflow_provider_voiceinfra.store import tables
from airflow_provider_voiceinfra.store.database import Database
from airflow_provider_voiceinfra.store.disputes import is_disputed
from airflow_provider_voiceinfra.store.events import record_events
from airflow_provider_voiceinfra.store.locks import lock_all
from airflow_provider_voiceinfra.store.matching import undecided
from airflow_provider_voiceinfra.store.records import CallState
from airflow_provider_voiceinfra.store.recovery import complete_all

log = logging.getLogger(__name__)

_IDS_PER_QUERY = 500
_completion = tables.completion.c

NOTHING_SAID: dict[str, Any] = {"body": b"", "from_number": None, "to_number": None}
"""What is left of a completion that was purged."""

_call = tables.call.c
_OF_CALLS = (
    sa.select(
        _completion.call_id,
        _completion.outcome,
        _completion.id,
        _completion.digest,
        _completion.first,
        _completion.received_at,
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
        tables.call,
        tables.completion,
        sa.and_(_completion.call_id == _call.call_id, _completion.webhook_conn_id == _call.webhook_conn_id),
    )
    .where(_call.call_id.in_(sa.bindparam("call_ids", expanding=True)))
    .order_by(_call.id, _completion.first.desc(), _completion.id)
)
_SET_FIRST = sa.update(tables.completion).where(_completion.id == sa.bindparam("row"))


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


class Completions:
    """Reads what webhooks have brought.

    :param database: the store's database.
    :param environment: what webhooks bring of the calls of others is not seen.
    """

    def __init__(self, database: Database, environment: str) -> None:
        self._database = database
        self._environment = environment

    def outcomes(self, call_ids: Collection[str]) -> dict[str, str]:
        """Look up which calls are completed.

        :param call_ids: of calls placed here, which only their own connection's webhook ends, or of foreign ones.
        :return: the outcome of each completed one, by ``call_id``.
        """
        ids, found, query = list(call_ids), {}, _ending(self._environment)
        with self._database.read() as tx:
            for start in range(0, len(ids), _IDS_PER_QUERY):
                chunk = ids[start : start + _IDS_PER_QUERY]
                rows = tx.execute(query.where(_completion.call_id.in_(chunk))).all()
                foreign = [row.id for row in rows if not row.ours]
                hidden = undecided(tx, foreign, besides=self._environment)
                found.update({row.call_id: row.outcome for row in rows if row.id not in hidden})
        return found

    def newest_arrival(self) -> datetime | None:
        """Tell when a completion arrived last, of whatever environment: whether webhooks come at all."""
        with self._database.read() as tx:
            newest: datetime | None = tx.scalar(sa.select(sa.func.max(tables.completion.c.received_at)))
        return newest

    def newest(self) -> int:
        """Give the id of the completion that arrived last, or 0."""
        with self._database.read() as tx:
            return tx.scalar(sa.select(sa.func.max(tables.completion.c.id))) or 0

    def arrived_since(self, cursor: int) -> list[tuple[int, str]]:
        """List what has arrived after a completion, in the order of arrival.

        :param cursor: the id of a completion, or 0.
        :return: id and ``call_id`` of each.
        """
        query = (
            sa.select(tables.completion.c.id, tables.completion.c.call_id)
            .where(tables.completion.c.id > cursor)
            .order_by(tables.completion.c.id)
        )
        with self._database.read() as tx:
            return [(row.id, row.call_id) for row in tx.execute(query)]


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
        if compare(row.said_to_number, row.to_number) is not Named.ANOTHER:
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
    why = {"why": "it names another to_number than was called"}
    record_events(tx, "completion_contradicts", {row.row_id: why for row in contradicting})
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
    why = {row_id: {"why": f"it names another {' and '.join(fields)}"} for row_id, fields in differing.items()}
    record_events(tx, "completion_differs", why)
    for row in ended.values():
        if row.purged_at is not None:
            its = (_completion.call_id == row.call_id, _completion.webhook_conn_id == row.webhook_conn_id)
            tx.execute(sa.update(tables.completion).where(*its).values(NOTHING_SAID))


def _differing(row: Any) -> list[str]:
    agent = ["agent_id"] if row.said_agent_id and row.said_agent_id != row.agent_id else []
    return agent + (["from_number"] if compare(row.said_from_number, row.from_number) is Named.ANOTHER else [])


def _ending(environment: str) -> sa.Select[Any]:
    """Completions that end a call: those that have completed one that was placed here.

    A call that was placed from no environment is ended by any.
    """
    same = _call.call_id == _completion.call_id
    ours = sa.exists().where(same, _call.completion_id == _completion.id, _call.environment == environment)
    nobodys = sa.and_(~sa.exists().where(same), ~is_disputed())
    columns = (_completion.id, _completion.call_id, _completion.outcome, ours.label("ours"))
    return sa.select(*columns).where(_completion.first, sa.or_(ours, nobodys))
