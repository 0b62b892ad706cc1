"""The outbox: verified webhooks to forward to other environments, kept until those have accepted them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import of_host, time_of
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.inbox.delivery import Delivery

LEASE = timedelta(minutes=1)
"""How long a forward is leased to the process that took it: longer than sending it may take."""
MAX_BACKOFF = timedelta(minutes=10)
"""The maximum time between two attempts."""

_forward = schema.forward.c


@dataclass(frozen=True, slots=True)
class Forward:
    """A webhook to forward unchanged."""

    id: int
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    attempts: int


class Forwards:
    """The outbox of a store, from which several processes may send."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self) -> set[str]:
        """Return the URLs with forwards that are due."""
        with self._database.read() as tx:
            return set(tx.scalars(sa.select(_forward.url).where(_forward.next_at <= time_of(tx)).distinct()))

    def take(self, url: str) -> Forward | None:
        """Take the forward that has been due longest for a URL, with a lease of :data:`LEASE`."""
        with self._database.write() as tx:
            now = time_of(tx)
            due = sa.select(_forward.id).where(_forward.url == url, _forward.next_at <= now)
            oldest = tx.scalar(due.order_by(_forward.next_at).limit(1).with_for_update(skip_locked=True))
            if oldest is None:
                return None
            row = tx.execute(
                sa.update(schema.forward)
                .where(_forward.id == oldest)
                .values(next_at=now + LEASE, attempts=_forward.attempts + 1)
                .returning(_forward.id, _forward.url, _forward.headers, _forward.body, _forward.attempts)
            ).one()
            return Forward(*row)

    def done(self, forward: Forward) -> None:
        """Delete a forward that was accepted."""
        with self._database.write() as tx:
            tx.execute(sa.delete(schema.forward).where(_forward.id == forward.id))

    def failed(self, forward: Forward) -> None:
        """Schedule the next attempt of a forward, with exponential backoff."""
        wait = min(timedelta(seconds=2 ** min(forward.attempts, 20)), MAX_BACKOFF)
        with self._database.write() as tx:
            tx.execute(sa.update(schema.forward).where(_forward.id == forward.id).values(next_at=time_of(tx) + wait))

    def waiting(self) -> int:
        """Count the forwards that have not been accepted yet."""
        return self._database.scalar(sa.select(sa.func.count()).select_from(schema.forward)) or 0


def add_forwards(tx: sa.Connection, deliveries: Iterable[Delivery], urls: Collection[str]) -> None:
    """Put deliveries into the outbox, in the transaction that stores them.

    :param urls: the URLs of other receivers; ``{conn_id}`` stands for the connection's id.
    """
    rows = [
        {
            "url": url.replace("{conn_id}", delivery.webhook_conn_id),
            "headers": dict(delivery.headers),
            "body": delivery.body,
            "received_at": of_host(tx, delivery.received_at),
            "attempts": 0,
            "next_at": time_of(tx),
        }
        for delivery in deliveries
        for url in urls
    ]
    if rows:
        tx.execute(schema.forward.insert(), rows)
