"""Other ways to wait, to be measured beside ours."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Hashable
from typing import Any

import sqlalchemy as sa
from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent

from airflow_provider_voiceinfra.config import call_store
from airflow_provider_voiceinfra.store import schema

POLL_SECONDS = 2.0


@functools.cache
def _engine() -> sa.Engine:
    return call_store().database.engine


def look(call_id: str) -> str | None:
    """Ask for one call, with a SELECT of its own."""
    with _engine().connect() as connection:
        return connection.scalar(sa.select(schema.completion.c.outcome).where(schema.completion.c.call_id == call_id))


class _OfOneCall(BaseTrigger):
    def __init__(self, call_id: str) -> None:
        super().__init__()
        self.call_id = call_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.{type(self).__name__}", {"call_id": self.call_id}


class PollingTrigger(_OfOneCall):
    """Asks for its own call every two seconds, as users do today."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while (outcome := await asyncio.to_thread(look, self.call_id)) is None:
            await asyncio.sleep(POLL_SECONDS)
        yield TriggerEvent({"call_ids": [self.call_id], "outcome": outcome})


class SharedStreamTrigger(_OfOneCall, BaseEventTrigger):
    """Shares core's stream, which gives every arrival to every subscriber."""

    def shared_stream_key(self) -> Hashable:
        return "completions"

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncIterator[str]:
        completions, cursor = call_store().completions, 0
        while True:
            for row_id, call_id in await asyncio.to_thread(completions.arrived_since, cursor):
                cursor = row_id
                yield call_id
            await asyncio.sleep(1.0)

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Any]) -> AsyncIterator[TriggerEvent]:
        async for arrived in shared_stream:
            if arrived == self.call_id:
                yield TriggerEvent({"call_ids": [self.call_id]})
                return

    async def run(self) -> AsyncIterator[TriggerEvent]:
        async for call_id in self.open_shared_stream({}):
            if call_id == self.call_id:
                yield TriggerEvent({"call_ids": [self.call_id]})
                return


class SleepingTrigger(_OfOneCall):
    """Only sleeps: what a trigger costs by itself."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        await asyncio.sleep(86_400)
        yield TriggerEvent({})
