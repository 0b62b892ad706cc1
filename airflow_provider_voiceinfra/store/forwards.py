"""The outbox: verified webhooks on their way to other environments, kept until those have taken them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import tables
from airflow_provider_voiceinfra.store.database import Database
from airflow_provider_voiceinfra.store.delivery import Delivery

LEASE = timedelta(minutes=1)
"""How long a forward belongs to whoever took it: longer than sending it may take."""
SLOWEST = timedelta(minutes=10)
"""Between two attempts at most."""

_forward = tables.forward.c


@dataclass(frozen=True, slots=True)
class Forward:
    """A webhook to be sent on, as it came."""

    id: int
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    attempts: int


class Forwards:
    """The outbox of a store; several processes may empty it.

    :param database: the store's database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, count: int) -> list[Forward]:
        """Take forwards that are due, oldest first; nobody else gets them for a while."""
        now = datetime.now(UTC)
        due = sa.select(_forward.id).where(_forward.next_at <= now).order_by(_forward.next_at).limit(count)
        with self._database.write() as tx:
            ids = tx.scalars(due.with_for_update(skip_locked=True)).all()
            if not ids:
                return []
            rows = tx.execute(
                sa.update(tables.forward)
                .where(_forward.id.in_(ids))
                .values(next_at=now + LEASE, attempts=_forward.attempts + 1)
                .returning(_forward.id, _forward.url, _forward.headers, _forward.body, _forward.attempts)
            )
            return [Forward(*row) for row in sorted(rows)]

    def done(self, forward: Forward) -> None:
        """Forget a forward that was taken over there."""
        with self._database.write() as tx:
            tx.execute(sa.delete(tables.forward).where(_forward.id == forward.id))

    def failed(self, forward: Forward) -> None:
        """Let a forward be tried again, later and later."""
        wait = min(timedelta(seconds=2 ** min(forward.attempts, 20)), SLOWEST)
        with self._database.write() as tx:
            tx.execute(
                sa.update(tables.forward).where(_forward.id == forward.id).values(next_at=datetime.now(UTC) + wait)
            )

    def waiting(self) -> int:
        """Count what has not been taken yet."""
        with self._database.read() as tx:
            return tx.scalar(sa.select(sa.func.count()).select_from(tables.forward)) or 0


def add_forwards(tx: sa.Connection, deliveries: Iterable[Delivery], urls: Collection[str]) -> None:
    """Put deliveries into the outbox, in the transaction that keeps them.

    :param urls: where each is to be sent; ``{conn_id}`` stands for the connection whose webhook it is.
    """
    rows = [
        {
            "url": url.replace("{conn_id}", delivery.webhook_conn_id),
            "headers": dict(delivery.headers),
            "body": delivery.body,
            "received_at": delivery.received_at,
            "attempts": 0,
            "next_at": delivery.received_at,
        }
        for delivery in deliveries
        for url in urls
    ]
    if rows:
        tx.execute(tables.forward.insert(), rows)
