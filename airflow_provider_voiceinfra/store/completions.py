"""Completions: which calls they end, and which have arrived."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import tables
from airflow_provider_voiceinfra.store.database import Database
from airflow_provider_voiceinfra.store.locks import lock_all
from airflow_provider_voiceinfra.store.records import CallState
from airflow_provider_voiceinfra.store.recovery import complete_all

_IDS_PER_QUERY = 500
_completion = tables.completion.c

_ENDED = (
    sa.select(
        tables.completion.c.call_id,
        tables.completion.c.outcome,
        tables.completion.c.id,
        tables.completion.c.received_at,
        tables.completion.c.opt_out,
        tables.call.c.id.label("row_id"),
        # Looked at here: SQLite would rather find all calls that are going on by it.
        tables.call.c.state,
        tables.call.c.purged_at,
        tables.call.c.webhook_conn_id,
    )
    .join_from(
        tables.call,
        tables.completion,
        sa.and_(
            tables.completion.c.call_id == tables.call.c.call_id,
            tables.completion.c.webhook_conn_id == tables.call.c.webhook_conn_id,
            tables.completion.c.first,
        ),
    )
    .where(tables.call.c.call_id.in_(sa.bindparam("call_ids", expanding=True)))
)


class Completions:
    """Reads what webhooks have brought.

    :param database: the store's database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def outcomes(self, call_ids: Collection[str]) -> dict[str, str]:
        """Look up which calls are completed.

        :param call_ids: of calls placed here, which only their own connection's webhook ends, or of others.
        :return: the outcome of each completed one, by ``call_id``.
        """
        ids, found = list(call_ids), {}
        with self._database.read() as tx:
            for start in range(0, len(ids), _IDS_PER_QUERY):
                chunk = ids[start : start + _IDS_PER_QUERY]
                query = _ending().where(tables.completion.c.call_id.in_(chunk))
                found.update({row.call_id: row.outcome for row in tx.execute(query)})
        return found

    def newest_arrival(self) -> datetime | None:
        """Tell when a completion arrived last."""
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


def settle(tx: sa.Connection, call_ids: Collection[str]) -> set[str]:
    """Complete the calls that have these ``call_id``, where their completions are there; the locks must be held.

    :return: of those that were completed.
    """
    found = tx.execute(_ENDED, {"call_ids": list(call_ids)}).all()
    ended = [row for row in found if row.state in {CallState.QUEUED, CallState.OVERDUE}]
    complete_all(tx, {row.row_id: row for row in ended}, "completed")
    for row in ended:
        if row.purged_at is not None:
            its = (_completion.call_id == row.call_id, _completion.webhook_conn_id == row.webhook_conn_id)
            tx.execute(sa.update(tables.completion).where(*its).values(body=b"", to_number=None))
    return {row.call_id for row in ended}


def _ending() -> sa.Select[tuple[str, str]]:
    """Completions that end a call: the first ones, by the webhook of the call's own connection.

    A call that was not placed here is ended by any.
    """
    call, completion = tables.call, tables.completion
    return (
        sa.select(completion.c.call_id, completion.c.outcome)
        .select_from(completion.outerjoin(call, call.c.call_id == completion.c.call_id))
        .where(
            completion.c.first,
            sa.or_(call.c.id.is_(None), call.c.webhook_conn_id == completion.c.webhook_conn_id),
        )
    )
