"""Waits until a call list needs a worker again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_voiceinfra.config import call_store
from airflow_provider_voiceinfra.deferral import settle, time_left
from airflow_provider_voiceinfra.lists.progress import TELL_INTERVAL, describe
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.watch.watcher import wait_until_resumed
from airflow_provider_voiceinfra.triggers.serialized import SerializedTrigger

POLL_INTERVAL = 2.0
"""Seconds between two queries for the ended calls of a list."""


class CallListTrigger(SerializedTrigger, BaseTrigger):
    """Fires once: at a time, when enough calls of the list have ended, or when a pause ends.

    :param list_id: the list.
    :param until: ISO 8601; absolute, so that a restart of the triggerer does not extend it.
    :param ended_calls: how many calls must have ended; 0 to not wait for calls.
    :param pause_id: the pause that defers the list, if any.
    :param resume_after: ISO 8601; fires no sooner, see :func:`~airflow_provider_voiceinfra.deferral.resume_after`.
    """

    def __init__(
        self,
        list_id: str,
        until: str,
        ended_calls: int = 0,
        pause_id: int | None = None,
        resume_after: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.list_id = list_id
        self.until = until
        self.ended_calls = ended_calls
        self.pause_id = pause_id
        self.resume_after = resume_after

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait; yields ``{"list_id": …}``."""
        seconds = (await asyncio.to_thread(time_left, datetime.fromisoformat(self.until))).total_seconds()
        progress_log = asyncio.create_task(self._log_progress())
        waits = [asyncio.create_task(self._wait_for_ended_calls())] if self.ended_calls else []
        if self.pause_id is not None:
            waits.append(asyncio.create_task(wait_until_resumed(call_store(), self.pause_id)))
        try:
            if waits:
                await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.sleep(seconds)
        finally:
            for task in (progress_log, *waits):
                task.cancel()
        await settle(self.resume_after)
        yield TriggerEvent({"list_id": self.list_id})

    async def _wait_for_ended_calls(self) -> None:
        while await self._count_ended_calls() < self.ended_calls:  # noqa: ASYNC110 - calls are ended by another process
            await asyncio.sleep(POLL_INTERVAL)

    async def _log_progress(self) -> None:
        """Write the progress of the list to the task's log at regular intervals."""
        while True:
            await asyncio.sleep(TELL_INTERVAL)
            with contextlib.suppress(StoreError):
                self.log.info("%s", await asyncio.to_thread(describe, call_store(), self.list_id))

    async def _count_ended_calls(self) -> int:
        try:
            return await asyncio.to_thread(call_store().list_rows.ended_calls, self.list_id)
        except StoreError as error:
            self.log.warning("%s", error)
            return 0
