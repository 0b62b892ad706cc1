"""Waits until a call list is worth a worker again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_voiceinfra.config import call_store
from airflow_provider_voiceinfra.lists.progress import TELL_INTERVAL, describe
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.watch.watcher import wait_until_resumed
from airflow_provider_voiceinfra.waiting import time_left

LOOK_INTERVAL = 2.0
"""Seconds between two looks at the lines of a list: one query each."""


class CallListTrigger(BaseTrigger):
    """Fires once: at a time, when enough calls of the list have ended, or when the pause that it met ends.

    :param list_id: the list.
    :param until: ISO 8601; absolute, so that a restart of the triggerer does not prolong it.
    :param lines: how many calls must have ended; 0 where none is waited for.
    :param pause_id: the pause, if the list has met one.
    """

    def __init__(self, list_id: str, until: str, lines: int = 0, pause_id: int | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.list_id = list_id
        self.until = until
        self.lines = lines
        self.pause_id = pause_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Tell how to make this trigger again elsewhere."""
        fields = {"list_id": self.list_id, "until": self.until, "lines": self.lines, "pause_id": self.pause_id}
        return f"{type(self).__module__}.{type(self).__qualname__}", fields

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait; yields ``{"list_id": …}``."""
        seconds = (await asyncio.to_thread(time_left, datetime.fromisoformat(self.until))).total_seconds()
        telling = asyncio.create_task(self._tell())
        waits = [asyncio.create_task(self._lines_free())] if self.lines else []
        if self.pause_id is not None:
            waits.append(asyncio.create_task(wait_until_resumed(call_store(), self.pause_id)))
        try:
            if waits:
                await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.sleep(seconds)
        finally:
            for task in (telling, *waits):
                task.cancel()
        yield TriggerEvent({"list_id": self.list_id})

    async def _lines_free(self) -> None:
        while await self._ended() < self.lines:  # noqa: ASYNC110 - what ends them is another process
            await asyncio.sleep(LOOK_INTERVAL)

    async def _tell(self) -> None:
        """Say in the task's log how far the list has come, at a steady pace."""
        while True:
            await asyncio.sleep(TELL_INTERVAL)
            with contextlib.suppress(StoreError):
                self.log.info("%s", await asyncio.to_thread(describe, call_store(), self.list_id))

    async def _ended(self) -> int:
        try:
            return await asyncio.to_thread(call_store().list_rows.ended_calls, self.list_id)
        except StoreError as error:
            self.log.warning("%s", error)
            return 0
