"""Keeps verified webhooks: in the call store, many in one commit; on the spool while the store is away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.delivery import Delivery
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.webhook.metrics import PREFIX, Metrics
from airflow_provider_voiceinfra.webhook.reports import describe, report
from airflow_provider_voiceinfra.webhook.spool import Spool
from airflow_provider_voiceinfra.webhook.spool_folder import SpoolError
from airflow_provider_voiceinfra.webhook.spool_owner import SpoolOwner
from airflow_provider_voiceinfra.webhook.writers import Writer

log = logging.getLogger(__name__)

PATIENCE = 3.0
"""Seconds that a delivery waits for the store before it goes to the spool."""
DRAIN_INTERVAL = 1.0
"""Seconds between two looks into the spool."""
NOT_KEPT = 30.0
"""Seconds for which it is told that a webhook could be kept nowhere, unless one is kept meanwhile."""
_BATCH = 256


class NotKeptError(Exception):
    """A delivery is neither in the store nor on the spool: it must not be answered with 200."""


class Keeper:
    """Keeps deliveries durably before they are answered. One for each event loop.

    While a commit is on its way to the disk, what arrives waits for the next one: the more arrive, the more share
    a commit. Once the store is away, all go to the spool, until that is empty again: so their order stays.

    :param writer: brings deliveries into the store.
    :param spool: None where there is no durable disk.
    """

    def __init__(self, store: CallStore, writer: Writer, spool: Spool | None, metrics: Metrics) -> None:
        self.store = store
        self.spool = spool
        self._owner = SpoolOwner(spool.folder, store.database.shown_url) if spool else None
        self._writer = writer
        self._metrics = metrics
        # What is wrong with emptying the spool; empty if nothing is.
        self.trouble = ""
        self._away = False
        self._not_kept_at: float | None = None
        self._waiting: list[tuple[Delivery, asyncio.Future[None]]] = []
        self._committing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Get ready to keep deliveries."""
        await self._writer.start()

    async def keep(self, delivery: Delivery) -> None:
        """Keep a delivery: it is on the disk when this returns.

        :raises NotKeptError: if neither store nor spool can take it.
        """
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((delivery, future))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit())
        await future

    async def run(self) -> None:
        """Move the spool into the store whenever that is there, until cancelled; then finish what was taken."""
        try:
            while True:
                await self._drain()
                await asyncio.sleep(DRAIN_INTERVAL)
        finally:
            if self._committing is not None:
                await self._committing
            await self._writer.close()

    async def _commit(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            try:
                await self._keep([delivery for delivery, _ in batch])
            except Exception as error:  # noqa: BLE001 - each sender must be answered
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
            else:
                for _, future in batch:
                    if not future.done():
                        future.set_result(None)
        self._committing = None

    def check_spool(self, spool: Spool) -> None:
        """Make sure that the spool can take a webhook of this store.

        :raises SpoolError: with the reason.
        """
        self._claim()
        spool.check()

    @property
    def keeps_nothing(self) -> bool:
        """Whether the latest webhook was kept nowhere, a moment ago."""
        return self._not_kept_at is not None and time.monotonic() - self._not_kept_at < NOT_KEPT

    async def _keep(self, deliveries: Sequence[Delivery]) -> None:
        asked = not self._away
        kept = (
            (asked and await self._kept_by_store(deliveries))
            or await self._kept_by_spool(deliveries)
            # Rather out of order than not at all.
            or (not asked and await self._kept_after_all(deliveries))
        )
        self._not_kept_at = None if kept else time.monotonic()
        if not kept:
            raise NotKeptError

    async def _kept_after_all(self, deliveries: Sequence[Delivery]) -> bool:
        self._away = False
        return await self._kept_by_store(deliveries)

    async def _kept_by_store(self, deliveries: Sequence[Delivery]) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                brought = await self._writer.keep(deliveries)
        except Exception as error:  # noqa: BLE001 - whatever it is, what was delivered is kept
            self._away = self.spool is not None
            log.error("The call store cannot take webhooks. %s", describe(error))
            return False
        report(self._metrics, deliveries, brought)
        return True

    async def _kept_by_spool(self, deliveries: Sequence[Delivery]) -> bool:
        if self.spool is None:
            return False
        try:
            await asyncio.to_thread(self._add, self.spool, deliveries)
        except SpoolError as error:
            log.error("The spool cannot take webhooks: without the call store, VoiceInfra sends them again. %s", error)
            return False
        self._metrics.incr(f"{PREFIX}.spooled", len(deliveries))
        return True

    async def _drain(self) -> None:
        if self.spool is None:
            return
        try:
            await asyncio.to_thread(self._empty, self.spool)
            left = await asyncio.to_thread(self.spool.depth)
        except StoreError:
            # Told when it went away.
            return
        except SpoolError as error:
            self._tell_once(error.why, str(error))
            return
        except Exception as error:  # noqa: BLE001 - it is tried again
            why = describe(error)
            self._tell_once(why, f"The spool at {self.spool.folder} cannot be emptied: it is tried again. {why}")
            return
        self.trouble = ""
        if self._away and not left.deliveries:
            self._away = False
            log.warning("The call store is back: what was on the spool is in it.")

    def _tell_once(self, trouble: str, message: str) -> None:
        if trouble != self.trouble:
            log.error("%s", message)
        self.trouble = trouble

    def _add(self, spool: Spool, deliveries: Sequence[Delivery]) -> None:
        self._claim()
        spool.add(deliveries)

    def _claim(self) -> None:
        if self._owner is not None:
            self._owner.claim()

    def _empty(self, spool: Spool) -> None:
        if self._owner is not None and (self._owner.store_id is None or spool.depth().deliveries):
            # Not as it was remembered: the database may be another one by now.
            self._owner.store_id = self.store.id()
        self._claim()
        spool.drain(lambda deliveries: report(self._metrics, deliveries, self.store.deliveries.keep(deliveries)))
        if self._away:
            self.store.check_writing()
