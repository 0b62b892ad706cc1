"""Counts rejected webhooks, which explains why none arrive."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.engine import Database

KEPT = timedelta(days=7)

_rejected = schema.rejected_webhook.c


@dataclass(frozen=True, slots=True)
class RejectedHour:
    """The webhooks of a connection that were rejected in an hour."""

    hour: datetime
    webhook_conn_id: str
    count: int


class RejectedWebhooks:
    """Counts rejected webhooks per hour."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, webhook_conn_id: str, count: int) -> None:
        """Add to this hour's count."""
        with self._database.write() as tx:
            now = time_of(tx)
            row = {"webhook_conn_id": webhook_conn_id, "hour": _hour(now), "count": count}
            tx.execute(
                schema.insert(tx, schema.rejected_webhook)
                .values(row)
                .on_conflict_do_update(
                    index_elements=["webhook_conn_id", "hour"], set_={"count": _rejected["count"] + count}
                )
            )
            tx.execute(sa.delete(schema.rejected_webhook).where(_rejected.hour < now - KEPT))

    def since(self, time: datetime) -> int:
        """Count the rejected webhooks of all connections since the hour of a time."""
        query = sa.select(sa.func.sum(_rejected["count"])).where(_rejected.hour >= _hour(time))
        return self._database.scalar(query) or 0

    def by_hour(self) -> list[RejectedHour]:
        """List the counts of the last seven days, newest first."""
        query = sa.select(_rejected.hour, _rejected.webhook_conn_id, _rejected["count"])
        rows = self._database.rows(query.order_by(_rejected.hour.desc(), _rejected.webhook_conn_id))
        return [RejectedHour(*row) for row in rows]


def _hour(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
