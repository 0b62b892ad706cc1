"""How many webhooks were refused: tells a person why none arrive."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.engine import Database

KEPT = timedelta(days=7)

_refusal = schema.refusal.c


class Refusals:
    """Counts refused webhooks, hour by hour.

    :param database: the store's database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, webhook_conn_id: str, count: int) -> None:
        """Add to this hour's count."""
        with self._database.write() as tx:
            now = time_of(tx)
            row = {"webhook_conn_id": webhook_conn_id, "hour": _hour(now), "count": count}
            tx.execute(
                schema.insert(tx, schema.refusal)
                .values(row)
                .on_conflict_do_update(
                    index_elements=["webhook_conn_id", "hour"], set_={"count": _refusal["count"] + count}
                )
            )
            tx.execute(sa.delete(schema.refusal).where(_refusal.hour < now - KEPT))

    def since(self, time: datetime) -> int:
        """Count those of all connections from the hour of a time on."""
        query = sa.select(sa.func.sum(_refusal["count"])).where(_refusal.hour >= _hour(time))
        with self._database.read() as tx:
            return tx.scalar(query) or 0


def _hour(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
