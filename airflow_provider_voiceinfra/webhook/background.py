"""What a receiver does from time to time, beside accepting and forwarding webhooks. Each runs until it is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Collection

from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.inbox.rejected_webhooks import RejectedWebhooks
from airflow_provider_voiceinfra.store.operations.rename_connection import Connections
from airflow_provider_voiceinfra.webhook.health import Health
from airflow_provider_voiceinfra.webhook.metrics import PREFIX, Metrics
from airflow_provider_voiceinfra.webhook.verification import Verification

log = logging.getLogger(__name__)

GAUGE_INTERVAL = 60.0
REJECTION_INTERVAL = 10.0
"""Seconds between two writes: strangers cannot keep the store busy."""
UNSERVED_INTERVAL = 5.0
"""Seconds between two attempts while the store is away."""


async def set_gauges(health: Health, metrics: Metrics) -> None:
    """Report the depth of the spool, and the age of the oldest open call."""
    while True:
        found = await health.found()
        metrics.gauge(f"{PREFIX}.spool_depth", found["spool"].get("deliveries", 0))
        metrics.gauge("voiceinfra.calls.oldest_open_seconds", found["oldest_open_call_seconds"])
        await asyncio.sleep(GAUGE_INTERVAL)


async def count_rejections(verification: Verification, rejected: RejectedWebhooks) -> None:
    """Add the number of rejected webhooks to the store, where it explains why completions do not arrive."""
    pending: Counter[str] = Counter()
    while True:
        await asyncio.sleep(REJECTION_INTERVAL)
        pending += verification.unsigned()
        for conn_id, count in list(pending.items()):
            with contextlib.suppress(StoreError):
                await asyncio.to_thread(rejected.add, conn_id, count)
                del pending[conn_id]


async def log_unserved_calls(connections: Connections, conn_ids: Collection[str]) -> None:
    """Log calls that no webhook can complete, for example after a connection was renamed: once the store answers.

    :param conn_ids: the connections that have a webhook here.
    """
    while True:
        try:
            found = await asyncio.to_thread(connections.without_webhook, conn_ids)
        except StoreError:
            await asyncio.sleep(UNSERVED_INTERVAL)
            continue
        for each in found:
            log.error("%s", each.describe(conn_ids))
        return
