"""Signed webhooks that are not understood, kept so that no data from VoiceInfra is lost.

Their calls are unknown, so they belong to the receiver, not to an environment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import of_host
from airflow_provider_voiceinfra.store.completion_body import canonical_body
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.inbox.delivery import Delivery
from airflow_provider_voiceinfra.store.models import DeliveryResult

LIMIT = 1_000
"""The maximum number of bodies in quarantine; the oldest are deleted first."""

_columns = schema.quarantine.c
# The row of a webhook that was purged or assigned to its call stays, so that it is not stored again.
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
    """Reads the quarantine of a store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self, limit: int | None = None) -> list[Quarantined]:
        """List the webhooks in quarantine, newest first.

        :param limit: the maximum number; None for all.
        """
        query = sa.select(
            _columns.id,
            _columns.received_at,
            _columns.webhook_conn_id,
            sa.func.length(_columns.body),
            _columns.reason,
        )
        query = query.where(_is_there).order_by(_columns.id.desc()).limit(limit)
        return [Quarantined(*row) for row in self._database.rows(query)]

    def body(self, row_id: int) -> bytes | None:
        """Return the signed body of a webhook; None if it is not in quarantine."""
        return self._database.scalar(sa.select(_columns.body).where(_columns.id == row_id, _is_there))

    def count(self) -> int:
        """Count the webhooks in quarantine."""
        return self._database.scalar(sa.select(sa.func.count()).select_from(schema.quarantine).where(_is_there)) or 0


def add_to_quarantine(tx: sa.Connection, deliveries: Sequence[tuple[Delivery, str]]) -> list[DeliveryResult]:
    """Store deliveries that are not understood.

    :param deliveries: the deliveries, each with the reason, which repeats nothing of the body.
    :return: the result of each: a duplicate if the same body is already stored.
    """
    if not deliveries:
        return []
    rows = [
        {
            "webhook_conn_id": delivery.webhook_conn_id,
            "digest": digest_of(delivery),
            "received_at": of_host(tx, delivery.received_at),
            "reason": reason,
            "body": delivery.body,
        }
        for delivery, reason in deliveries
    ]
    insert = schema.insert(tx, schema.quarantine).on_conflict_do_nothing()
    new = set(map(tuple, tx.execute(insert.returning(_columns.webhook_conn_id, _columns.digest), rows)))
    newest = sa.select(_columns.id).where(_is_there).order_by(_columns.id.desc())
    oldest_kept = newest.offset(LIMIT).limit(1).scalar_subquery()
    tx.execute(sa.delete(schema.quarantine).where(_is_there, _columns.id <= oldest_kept))
    results = []
    for delivery, _ in deliveries:
        same = (delivery.webhook_conn_id, digest_of(delivery))
        results.append(DeliveryResult.QUARANTINED if same in new else DeliveryResult.DUPLICATE)
        new.discard(same)
    return results


def take_from_quarantine(tx: sa.Connection, row_id: int) -> tuple[str, datetime, bytes]:
    """Take a webhook out of quarantine; a redelivery is not stored there again.

    :return: its connection, when it arrived, and its body.
    :raises StoreError: if it is not in quarantine.
    """
    mine = (_columns.id == row_id, _is_there)
    query = sa.select(_columns.webhook_conn_id, _columns.received_at, _columns.body).where(*mine).with_for_update()
    row = tx.execute(query).one_or_none()
    if row is None:
        raise StoreError(f"There is no webhook {row_id} in quarantine.")
    tx.execute(sa.update(schema.quarantine).where(*mine).values(body=b""))
    return row.webhook_conn_id, row.received_at, row.body


def digest_of(delivery: Delivery) -> bytes:
    """Return a digest that is the same for redeliveries, even with another URL of the recording."""
    canonical = canonical_body(delivery.body)
    return delivery.digest if canonical is None else hashlib.sha256(canonical.encode()).digest()
