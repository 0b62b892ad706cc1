"""Calls that no webhook can end, for example after a connection was renamed: logged when the receiver starts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.operations.rename_connection import Connections

log = logging.getLogger(__name__)

INTERVAL = 5.0
"""Seconds between two attempts while the store is away."""


class UnservedCalls:
    """Logs them once, as soon as the store answers.

    :param conn_ids: the connections that have a webhook here.
    """

    def __init__(self, connections: Connections, conn_ids: Collection[str]) -> None:
        self._connections = connections
        self._conn_ids = conn_ids

    async def run(self) -> None:
        """Find and log them."""
        while True:
            try:
                found = await asyncio.to_thread(self._connections.without_webhook, self._conn_ids)
            except StoreError:
                await asyncio.sleep(INTERVAL)
                continue
            for each in found:
                log.error("%s", each.describe(self._conn_ids))
            return
