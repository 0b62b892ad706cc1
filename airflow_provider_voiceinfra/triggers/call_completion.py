"""Waits for calls to end, without a worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_voiceinfra.config import call_store
from airflow_provider_voiceinfra.store.watcher import wait_for_completions
from airflow_provider_voiceinfra.waiting import left


class CallCompletionTrigger(BaseTrigger):
    """Fires once when all calls are completed, or at the deadline.

    Its event carries ids and outcomes only, because Airflow logs it; what was said is in the call store.

    :param call_ids: the calls.
    :param deadline: ISO 8601; absolute, so that a restart of the triggerer does not prolong it.
    """

    def __init__(self, call_ids: Sequence[str], deadline: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.call_ids = list(call_ids)
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Tell how to make this trigger again elsewhere."""
        name = f"{type(self).__module__}.{type(self).__qualname__}"
        return name, {"call_ids": self.call_ids, "deadline": self.deadline}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait; yields ``{"status": "completed" | "timeout", "call_ids": […], "outcomes": {…}}``."""
        try:
            async with asyncio.timeout(left(datetime.fromisoformat(self.deadline)).total_seconds()):
                outcomes = await wait_for_completions(call_store(), self.call_ids)
        except TimeoutError:
            yield TriggerEvent({"status": "timeout", "call_ids": self.call_ids, "outcomes": {}})
        else:
            yield TriggerEvent({"status": "completed", "call_ids": self.call_ids, "outcomes": outcomes})
