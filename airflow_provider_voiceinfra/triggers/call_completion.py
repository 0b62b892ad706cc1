"""Waits for calls to end, without a worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from airflow.sdk.exceptions import AirflowException
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent
from asgiref.sync import sync_to_async

from airflow_provider_voiceinfra.compat import push_xcoms
from airflow_provider_voiceinfra.config import call_store
from airflow_provider_voiceinfra.deferral import Ending, settle, time_left
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.watch.watcher import wait_for_completions
from airflow_provider_voiceinfra.triggers.serialized import SerializedTrigger


class CallCompletionTrigger(SerializedTrigger, BaseTrigger):
    """Fires once when all calls are completed, or at the deadline.

    Its event carries ids and outcomes only, because Airflow logs it; the content is in the call store.

    :param call_ids: the calls.
    :param deadline: ISO 8601; absolute, so that a restart of the triggerer does not extend it.
    :param ending: how to end the task from here, see :class:`~airflow_provider_voiceinfra.deferral.Ending`; None if a
        worker must end it.
    :param resume_after: ISO 8601; if a worker ends the task, fires no sooner, see
        :func:`~airflow_provider_voiceinfra.deferral.resume_after`.
    """

    def __init__(
        self,
        call_ids: Sequence[str],
        deadline: str,
        ending: dict[str, Any] | None = None,
        resume_after: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.call_ids = list(call_ids)
        self.deadline = deadline
        self.ending = ending
        self.resume_after = resume_after

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait; yields ``{"status": "completed" | "timeout", "call_ids": […], "outcomes": {…}}``, or ends the task."""
        remaining = await asyncio.to_thread(time_left, datetime.fromisoformat(self.deadline))
        try:
            async with asyncio.timeout(remaining.total_seconds()):
                outcomes = await wait_for_completions(call_store(), self.call_ids)
        except TimeoutError:
            event = {"status": "timeout", "call_ids": self.call_ids, "outcomes": {}}
        else:
            if await self._push_results():
                yield TaskSuccessEvent()
                return
            event = {"status": "completed", "call_ids": self.call_ids, "outcomes": outcomes}
        await settle(self.resume_after)
        yield TriggerEvent(event)

    async def _push_results(self) -> bool:
        """Push what a worker would push, if the task may end here.

        Not with the event, because Airflow logs it and encodes its XComs twice.
        """
        if self.ending is None or self.task_instance is None:
            return False
        try:
            xcoms = await asyncio.to_thread(Ending(**self.ending).xcoms, call_store(), tuple(self.call_ids))
            # Airflow's client of the API server is bound to the triggerer's own event loop.
            await sync_to_async(push_xcoms)(self.task_instance, xcoms)
        except (AirflowException, StoreError) as error:
            # A worker reports the error, and handles it according to the task's settings.
            self.log.info("This task is ended by a worker (%s).", type(error).__name__)
            return False
        return True
