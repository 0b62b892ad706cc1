"""The delivery buffer: verified webhooks wait here for their commit, many of them for one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.inbox.delivery import Delivery
from airflow_provider_voiceinfra.webhook.metrics import PREFIX, Metrics, describe, report
from airflow_provider_voiceinfra.webhook.spool import Spool
from airflow_provider_voiceinfra.webhook.spool_folder import SpoolError
from airflow_provider_voiceinfra.webhook.store_spool import StoreSpool

log = logging.getLogger(__name__)

STORE_TIMEOUT = 3.0
"""Seconds that deliveries wait for the store before they go to the spool."""
DRAIN_INTERVAL = 1.0
"""Seconds between two looks into the spool."""
FAILURE_MEMORY = 30.0
"""Seconds for which a webhook that could not be stored anywhere counts, unless one is stored meanwhile."""
_MAX_BATCH = 256


class NotStoredError(Exception):
    """A delivery is neither in the store nor on the spool: it must not be answered with 200."""


class DeliveryBuffer:
    """Stores deliveries before they are answered: in the call store, or on the spool while the store is away.

    One thread writes to the store. While it commits a batch, the deliveries that arrive form the next one, so the
    busier the receiver, the more of them share an fsync. Once the store is away, all deliveries go to the spool until
    that is empty again, which keeps their order.

    One for each event loop.

    :param spool: None where there is no durable disk.
    """

    def __init__(self, store: CallStore, spool: Spool | None, metrics: Metrics) -> None:
        self.store = store
        self.spool = StoreSpool(spool, store) if spool else None
        self._metrics = metrics
        self._store_away = False
        self._failed_at: float | None = None
        self._waiting: list[tuple[Delivery, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._batch = asyncio.Lock()
        # One thread: while the store hangs, no second batch waits for it.
        self._thread = ThreadPoolExecutor(1, "voiceinfra-deliveries")

    async def add(self, delivery: Delivery) -> None:
        """Store a delivery: it is on disk when this returns.

        :raises NotStoredError: if neither store nor spool can take it.
        """
        stored = asyncio.get_running_loop().create_future()
        self._waiting.append((delivery, stored))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_batches())
        await stored

    async def run(self) -> None:
        """Move the spool into the store whenever that answers, until cancelled; then store what was accepted."""
        try:
            while True:
                await self._drain()
                await asyncio.sleep(DRAIN_INTERVAL)
        finally:
            if self._writing is not None:
                await self._writing
            self._thread.shutdown(wait=False)

    @property
    def has_failed(self) -> bool:
        """Whether the latest webhook could not be stored anywhere, a moment ago."""
        return self._failed_at is not None and time.monotonic() - self._failed_at < FAILURE_MEMORY

    async def _write_batches(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_MAX_BATCH], self._waiting[_MAX_BATCH:]
            error: Exception | None = None
            try:
                async with self._batch:
                    await self._write([delivery for delivery, _ in batch])
            except Exception as raised:  # noqa: BLE001 - every sender must be answered
                error = raised
            for _, stored in batch:
                if stored.done():
                    continue  # Its sender has gone.
                if error is None:
                    stored.set_result(None)
                else:
                    stored.set_exception(error)
        self._writing = None

    async def _write(self, deliveries: Sequence[Delivery]) -> None:
        store_first = not self._store_away
        stored = (
            (store_first and await self._write_to_store(deliveries))
            or await self._write_to_spool(deliveries)
            # Out of order rather than not at all.
            or (not store_first and await self._write_to_store(deliveries))
        )
        self._failed_at = None if stored else time.monotonic()
        if not stored:
            raise NotStoredError

    async def _write_to_store(self, deliveries: Sequence[Delivery]) -> bool:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                results = await loop.run_in_executor(self._thread, self.store.deliveries.keep, deliveries)
        except Exception as error:  # noqa: BLE001 - whatever went wrong, the spool can take them
            # The thread may still store them later: a delivery that is stored twice changes nothing.
            self._store_away = self.spool is not None
            log.error("The call store cannot take webhooks. %s", describe(error))
            return False
        self._store_away = False
        report(self._metrics, deliveries, results)
        return True

    async def _write_to_spool(self, deliveries: Sequence[Delivery]) -> bool:
        if self.spool is None:
            return False
        try:
            await asyncio.to_thread(self.spool.add, deliveries)
        except SpoolError as error:
            log.error("The spool cannot take webhooks: without the call store, VoiceInfra sends them again. %s", error)
            return False
        self._metrics.incr(f"{PREFIX}.spooled", len(deliveries))
        return True

    async def _drain(self) -> None:
        if self.spool is None or not await asyncio.to_thread(self.spool.drain, self._keep):
            return
        if self._store_away:
            # No batch is written meanwhile: none may get past what is still on the spool.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STORE_TIMEOUT), self._batch:
                    if await asyncio.to_thread(self.spool.drain, self._keep, entirely=True):
                        self._store_away = False
                        log.warning("The call store is back, and all deliveries of the spool are in it.")

    def _keep(self, deliveries: Sequence[Delivery]) -> None:
        report(self._metrics, deliveries, self.store.deliveries.keep(deliveries))
