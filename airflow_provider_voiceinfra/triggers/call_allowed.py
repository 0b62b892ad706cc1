"""Waits until a deferred call may be tried again, without a worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_voiceinfra.config import call_store
from airflow_provider_voiceinfra.deferral import settle, time_left
from airflow_provider_voiceinfra.store.watch.watcher import wait_until_resumed
from airflow_provider_voiceinfra.triggers.serialized import SerializedTrigger


class CallAllowedTrigger(SerializedTrigger, BaseTrigger):
    """Fires once, at a time or as soon as a pause ends.

    :param ref: the deferred call.
    :param until: ISO 8601; absolute, so that a restart of the triggerer does not extend it.
    :param pause_id: the pause that defers the call, if any.
    :param resume_after: ISO 8601; fires no sooner, see :func:`~airflow_provider_voiceinfra.deferral.resume_after`.
    """

    def __init__(self, ref: str, until: str, pause_id: int | None = None, resume_after: str | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.ref = ref
        self.until = until
        self.pause_id = pause_id
        self.resume_after = resume_after

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait; yields ``{"ref": …}``."""
        seconds = (await asyncio.to_thread(time_left, datetime.fromisoformat(self.until))).total_seconds()
        if self.pause_id is None:
            await asyncio.sleep(seconds)
        else:
            try:
                async with asyncio.timeout(seconds):
                    await wait_until_resumed(call_store(), self.pause_id)
            except TimeoutError:
                pass
        await settle(self.resume_after)
        yield TriggerEvent({"ref": self.ref})
