"""Many waits in the real TriggerRunner, in a process of their own: ``python -m … KIND COUNT`` and commands on stdin.

Answers each command with a line of JSON: ``idle SECONDS`` measures what waiting costs, ``events`` gives when each
call's trigger fired, ``memory`` the resident bytes.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import sqlalchemy as sa
from airflow.executors.workloads.trigger import RunTrigger
from airflow.jobs.triggerer_job_runner import TriggerRunner
from airflow.models.trigger import Trigger

from airflow_provider_voiceinfra.triggers.call_completion import CallCompletionTrigger
from tests.benchmarks.waiting import triggers
from tests.benchmarks.waiting.waits import call_id

QUERIES = [0]
sa.event.listen(sa.Engine, "before_cursor_execute", lambda *_: QUERIES.__setitem__(0, QUERIES[0] + 1))


class Events(deque[Any]):
    """The runner's outbound queue, which notes when something is put there."""

    def __init__(self) -> None:
        super().__init__()
        self.at: dict[str, float] = {}

    def append(self, entry: Any) -> None:
        now = time.time()
        payload = entry.event.payload
        for each in payload.get("call_ids", ()) if isinstance(payload, dict) else ():
            self.at[each] = now


def trigger(kind: str, number: int) -> Any:
    """Make one wait."""
    if kind == "ours":
        return CallCompletionTrigger([call_id(number)], (datetime.now(UTC) + timedelta(hours=2)).isoformat())
    made: dict[str, Any] = {
        "polling": triggers.PollingTrigger,
        "shared": triggers.SharedStreamTrigger,
        "sleeping": triggers.SleepingTrigger,
    }
    return made[kind](call_id(number))


async def add(runner: TriggerRunner, kind: str, numbers: range) -> None:
    """Let the runner create waits, as its supervisor asks it to."""
    for number in numbers:
        classpath, kwargs = trigger(kind, number).serialize()
        runner.to_create.append(
            RunTrigger(id=number + 1, classpath=classpath, encrypted_kwargs=Trigger.encrypt_kwargs(kwargs))
        )
    await runner.create_triggers()
    await asyncio.sleep(3)


async def main(kind: str, count: int) -> None:
    runner, events, process = TriggerRunner(), Events(), psutil.Process()
    runner.events = events
    # Whatever is imported and opened once is no cost of a wait.
    await add(runner, kind, range(count, count + 50))
    gc.collect()
    before = process.memory_info().rss
    await add(runner, kind, range(count))
    gc.collect()
    say(bytes_per_wait=(process.memory_info().rss - before) / count)
    while command := (await asyncio.to_thread(sys.stdin.readline)).split():
        if command[0] == "idle":
            begun, cpu, queries = time.time(), sum(process.cpu_times()[:2]), QUERIES[0]
            await asyncio.sleep(float(command[1]))
            seconds = time.time() - begun
            say(cpu=(sum(process.cpu_times()[:2]) - cpu) / seconds, queries=(QUERIES[0] - queries) / seconds)
        elif command[0] == "memory":
            say(bytes=process.memory_info().rss)
        else:
            say(events=events.at)


def say(**found: Any) -> None:
    """Answer."""
    sys.stdout.write(f"\n#{json.dumps(found)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
