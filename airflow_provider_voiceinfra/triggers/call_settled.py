"""Waits until a call is settled, without a worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_voiceinfra.config import call_store
from airflow_provider_voiceinfra.deferral import settle, time_left
from airflow_provider_voiceinfra.store.watch.watcher import wait_until_settled
from airflow_provider_voiceinfra.triggers.serialized import SerializedTrigger


class CallSettledTrigger(SerializedTrigger, BaseTrigger):
    """Fires once when a call is no longer claimed or unknown, or at the deadline.

    :param ref: the call.
    :param deadline: ISO 8601; absolute, so that a restart of the triggerer does not extend it.
    :param resume_after: ISO 8601; fires no sooner, see :func:`~airflow_provider_voiceinfra.deferral.resume_after`.
    """

    def __init__(self, ref: str, deadline: str, resume_after: str | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.ref = ref
        self.deadline = deadline
        self.resume_after = resume_after

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait; yields ``{"status": "settled" | "timeout", "ref": …}``."""
        remaining = await asyncio.to_thread(time_left, datetime.fromisoformat(self.deadline))
        try:
            async with asyncio.timeout(remaining.total_seconds()):
                await wait_until_settled(call_store(), self.ref)
            status = "settled"
        except TimeoutError:
            status = "timeout"
        await settle(self.resume_after)
        yield TriggerEvent({"status": status, "ref": self.ref})
