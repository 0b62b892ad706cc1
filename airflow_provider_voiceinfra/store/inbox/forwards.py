"""The outbox: verified webhooks on their way to other environments, kept until those have taken them."""

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
"""How long a forward belongs to whoever took it: longer than sending it may take."""
SLOWEST = timedelta(minutes=10)
"""Between two attempts at most."""

_forward = schema.forward.c


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

    def due(self) -> set[str]:
        """Give the URLs that something is due for."""
        with self._database.read() as tx:
            return set(tx.scalars(sa.select(_forward.url).where(_forward.next_at <= time_of(tx)).distinct()))

    def take(self, url: str) -> Forward | None:
        """Take the forward that has been due for a URL for longest; nobody else gets it for a while."""
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
        """Forget a forward that was taken over there."""
        with self._database.write() as tx:
            tx.execute(sa.delete(schema.forward).where(_forward.id == forward.id))

    def failed(self, forward: Forward) -> None:
        """Let a forward be tried again, later and later."""
        wait = min(timedelta(seconds=2 ** min(forward.attempts, 20)), SLOWEST)
        with self._database.write() as tx:
            tx.execute(sa.update(schema.forward).where(_forward.id == forward.id).values(next_at=time_of(tx) + wait))

    def waiting(self) -> int:
        """Count what has not been taken yet."""
        with self._database.read() as tx:
            return tx.scalar(sa.select(sa.func.count()).select_from(schema.forward)) or 0


def add_forwards(tx: sa.Connection, deliveries: Iterable[Delivery], urls: Collection[str]) -> None:
    """Put deliveries into the outbox, in the transaction that keeps them.

    :param urls: where each is to be sent; ``{conn_id}`` stands for the connection whose webhook it is.
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
