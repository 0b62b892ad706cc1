"""Counts rejected webhooks in the store, where somebody whose completions do not arrive can see them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter

from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.inbox.rejected_webhooks import RejectedWebhooks
from airflow_provider_voiceinfra.webhook.verification import Verification

INTERVAL = 10.0
"""Seconds between two writes: strangers cannot keep the store busy."""


class RejectionCounter:
    """Adds the number of rejected webhooks to the store from time to time."""

    def __init__(self, verification: Verification, refusals: RejectedWebhooks) -> None:
        self._verification = verification
        self._refusals = refusals

    async def run(self) -> None:
        """Count, until cancelled."""
        pending: Counter[str] = Counter()
        while True:
            await asyncio.sleep(INTERVAL)
            pending += self._verification.unsigned()
            for conn_id, count in list(pending.items()):
                with contextlib.suppress(StoreError):
                    await asyncio.to_thread(self._refusals.add, conn_id, count)
                    del pending[conn_id]
