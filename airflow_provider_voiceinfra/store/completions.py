"""Completions: stored once, whatever is delivered, and matched with the calls they end."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import UTC, datetime
from enum import Enum

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import tables
from airflow_provider_voiceinfra.store.completion_body import digest
from airflow_provider_voiceinfra.store.database import Database
from airflow_provider_voiceinfra.store.locks import lock
from airflow_provider_voiceinfra.store.records import CallState, Completion
from airflow_provider_voiceinfra.store.recovery import Party, complete, lock_party, recover

QUARANTINE_LIMIT = 1_000
"""Rows that the quarantine holds at most; the oldest go first."""

_IDS_PER_QUERY = 500


class Delivery(Enum):
    """What a delivery brought."""

    NEW = "new"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


class Completions:
    """Keeps what webhooks bring.

    :param database: the store's database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, webhook_conn_id: str, completion: Completion, body: bytes) -> Delivery:
        """Keep a completion and complete its call, if a call of this connection has its ``call_id``.

        A redelivery changes nothing. Another body for the same ``call_id`` is kept beside the first one and
        never acted upon. What comes before the POST is answered waits here for its call.

        :param webhook_conn_id: the connection whose webhook and secret it came by.
        :param body: the bytes as they were signed.
        """
        now, sum_ = datetime.now(UTC), digest(completion.payload)
        party = Party(
            webhook_conn_id,
            completion.agent_id or "",
            completion.from_number or "",
            completion.to_number or "",
        )
        with self._database.write() as tx:
            lock_party(tx, party)
            lock_call_id(tx, completion.call_id)
            known = tx.execute(
                sa.select(tables.completion.c.id, tables.completion.c.digest).where(
                    tables.completion.c.webhook_conn_id == webhook_conn_id,
                    tables.completion.c.call_id == completion.call_id,
                )
            ).all()
            same = [row.id for row in known if row.digest == sum_]
            if same:
                tx.execute(
                    sa.update(tables.completion)
                    .where(tables.completion.c.id == same[0])
                    .values(last_received_at=now, deliveries=tables.completion.c.deliveries + 1)
                )
                return Delivery.DUPLICATE
            tx.execute(
                tables.completion.insert().values(
                    webhook_conn_id=webhook_conn_id,
                    call_id=completion.call_id,
                    digest=sum_,
                    first=not known,
                    received_at=now,
                    last_received_at=now,
                    deliveries=1,
                    outcome=completion.outcome,
                    agent_id=_at_most(completion.agent_id, 255),
                    from_number=_at_most(completion.from_number, 64),
                    to_number=_at_most(completion.to_number, 64),
                    start_time=completion.start_time,
                    body=body,
                )
            )
            if known:
                return Delivery.CONFLICT
            if not settle(tx, completion.call_id):
                recover(tx, party)
        return Delivery.NEW

    def quarantine(self, webhook_conn_id: str, body: bytes, reason: str) -> None:
        """Keep a signed body that is not understood, so that nothing that VoiceInfra said is lost.

        :param reason: why it is not understood, without its words.
        """
        row = {
            "webhook_conn_id": webhook_conn_id,
            "digest": hashlib.sha256(body).hexdigest(),
            "received_at": datetime.now(UTC),
            "reason": reason,
            "body": body,
        }
        oldest_kept = (
            sa.select(tables.quarantine.c.id)
            .order_by(tables.quarantine.c.id.desc())
            .offset(QUARANTINE_LIMIT)
            .limit(1)
            .scalar_subquery()
        )
        with self._database.write() as tx:
            tx.execute(tables.insert(tx, tables.quarantine).values(row).on_conflict_do_nothing())
            tx.execute(sa.delete(tables.quarantine).where(tables.quarantine.c.id <= oldest_kept))

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


def lock_call_id(tx: sa.Connection, call_id: str) -> None:
    """Let the recording of an answer and of its completion not miss each other.

    Each writes one half and looks for the other.
    """
    lock(tx, "call", call_id)


def settle(tx: sa.Connection, call_id: str) -> bool:
    """Complete the calls that have this ``call_id``, if its completion is there; the lock must be held.

    :return: whether one was completed.
    """
    ended = tx.execute(
        _ending()
        .add_columns(tables.call.c.id.label("row_id"), tables.completion.c.id, tables.completion.c.received_at)
        .where(
            tables.completion.c.call_id == call_id,
            tables.call.c.state.in_([CallState.QUEUED, CallState.OVERDUE]),
        )
    ).all()
    for row in ended:
        complete(tx, row.row_id, row, "completed")
    return bool(ended)


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


def _at_most(text: str | None, length: int) -> str | None:
    return None if text is None else text.replace("\0", "")[:length]
