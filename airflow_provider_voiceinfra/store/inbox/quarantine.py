"""Signed webhooks that are not understood: kept, so that nothing that VoiceInfra said is lost.

Nobody knows whose calls they are of: they belong to the receiver, not to an environment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import of_host
from airflow_provider_voiceinfra.store.completion_body import what_it_says
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.inbox.delivery import Delivery
from airflow_provider_voiceinfra.store.models import DeliveryResult

LIMIT = 1_000
"""Bodies that the quarantine holds at most; the oldest go first."""

_columns = schema.quarantine.c
# Of one that was purged, or given to its call, the row stays: it is not kept again.
_is_there = sa.func.length(_columns.body) > 0


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A signed webhook that is not understood.

    :param size: bytes of its body.
    :param reason: why it is not understood.
    """

    id: int
    received_at: datetime
    webhook_conn_id: str
    size: int
    reason: str


class Quarantine:
    """Reads the quarantine of a store.

    :param database: the store's database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self) -> list[Quarantined]:
        """List what is in quarantine, newest first."""
        query = sa.select(
            _columns.id,
            _columns.received_at,
            _columns.webhook_conn_id,
            sa.func.length(_columns.body),
            _columns.reason,
        )
        query = query.where(_is_there).order_by(_columns.id.desc())
        with self._database.read() as tx:
            return [Quarantined(*row) for row in tx.execute(query)]

    def body(self, row_id: int) -> bytes | None:
        """Give the bytes of one, as they were signed."""
        with self._database.read() as tx:
            return tx.scalar(sa.select(_columns.body).where(_columns.id == row_id, _is_there))

    def count(self) -> int:
        """Count what is in quarantine."""
        with self._database.read() as tx:
            return tx.scalar(sa.select(sa.func.count()).select_from(schema.quarantine).where(_is_there)) or 0


def add_to_quarantine(tx: sa.Connection, strange: Sequence[tuple[Delivery, str]]) -> list[DeliveryResult]:
    """Keep bodies that are not understood, each with the reason.

    :param strange: deliveries, each with the reason, which repeats nothing of the body.
    :return: what each one brought: nothing new where the same body is there already.
    """
    if not strange:
        return []
    rows = [
        {
            "webhook_conn_id": delivery.webhook_conn_id,
            "digest": digest_of(delivery),
            "received_at": of_host(tx, delivery.received_at),
            "reason": reason,
            "body": delivery.body,
        }
        for delivery, reason in strange
    ]
    insert = schema.insert(tx, schema.quarantine).on_conflict_do_nothing()
    new = set(map(tuple, tx.execute(insert.returning(_columns.webhook_conn_id, _columns.digest), rows)))
    newest = sa.select(_columns.id).where(_is_there).order_by(_columns.id.desc())
    oldest_kept = newest.offset(LIMIT).limit(1).scalar_subquery()
    tx.execute(sa.delete(schema.quarantine).where(_is_there, _columns.id <= oldest_kept))
    brought = []
    for delivery, _ in strange:
        same = (delivery.webhook_conn_id, digest_of(delivery))
        brought.append(DeliveryResult.QUARANTINED if same in new else DeliveryResult.DUPLICATE)
        new.discard(same)
    return brought


def take_from_quarantine(tx: sa.Connection, row_id: int) -> tuple[str, datetime, bytes]:
    """Take a webhook out of quarantine; it is not kept there again when it is sent again.

    :return: the connection that it came by, when, and its body.
    :raises StoreError: if it is not there.
    """
    mine = (_columns.id == row_id, _is_there)
    query = sa.select(_columns.webhook_conn_id, _columns.received_at, _columns.body).where(*mine).with_for_update()
    row = tx.execute(query).one_or_none()
    if row is None:
        raise StoreError(f"There is no webhook {row_id} in quarantine.")
    tx.execute(sa.update(schema.quarantine).where(*mine).values(body=b""))
    return row.webhook_conn_id, row.received_at, row.body


def digest_of(delivery: Delivery) -> bytes:
    """Stand in for what a body says, so that it is known when it comes again with another link to the recording."""
    said = what_it_says(delivery.body)
    return delivery.digest if said is None else hashlib.sha256(said.encode()).digest()
