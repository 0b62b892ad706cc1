"""Lets all that waits under ``dag.test()`` wait by the clock of the test: tasks, their triggers, and Airflow itself.

Airflow's own waits are patched by name, because they are part of its private API.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.triggers.base import BaseTrigger

from airflow_provider_voiceinfra.calls.stop import StopFlag
from airflow_provider_voiceinfra.lists import list_dialer
from airflow_provider_voiceinfra.operators import outbound_call, placing
from airflow_provider_voiceinfra.store.watch import watch_loop
from airflow_provider_voiceinfra.testing.airflow_time import patch_sleeps, patch_time
from airflow_provider_voiceinfra.testing.autojump import NEVER, AutojumpClock
from airflow_provider_voiceinfra.testing.autojump_loop import AutojumpLoop, WaitListener
from airflow_provider_voiceinfra.testing.signals import ended_by_signals
from airflow_provider_voiceinfra.triggers import call_list

_SUPERVISOR = "airflow.sdk.execution_time.supervisor"


@contextmanager
def waiting_by(clock: AutojumpClock) -> Iterator[None]:
    """Let ``dag.test()`` wait by a clock."""
    test = DAG.test

    @functools.wraps(test)
    def run(dag: DAG, *arguments: Any, **options: Any) -> Any:
        with _all_waiting_by(clock):
            return test(dag, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DAG, "test", run)
        yield
    clock.check()


@contextmanager
def _all_waiting_by(clock: AutojumpClock) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, ended_by_signals(clock, patch):
        _patch_tasks(clock, patch)
        _patch_triggers(clock, patch)
        patch_time(clock, patch)
        patch_sleeps(clock, patch)
        try:
            yield
            clock.check()
        finally:
            clock.forget_error()


def _patch_tasks(clock: AutojumpClock, patch: pytest.MonkeyPatch) -> None:
    task_thread = threading.current_thread()

    def sleep(stop: StopFlag, seconds: float) -> None:
        stop.check()
        if threading.current_thread() is task_thread:
            # Whatever sleeps here looks again.
            clock.wait(seconds)
        else:
            clock.sleep(seconds)
        stop.check()

    patch.setattr(StopFlag, "sleep", sleep)
    # After these, tasks look for what they may have missed; under the clock, they miss nothing.
    patch.setattr(outbound_call, "_POLL_SECONDS", NEVER.total_seconds())
    patch.setattr(placing, "_LONGEST_WAIT", NEVER)
    patch.setattr(list_dialer, "_LONGEST_PAUSE", NEVER)
    # One POST after the other, so that none is under way while the clock jumps to the send slot of another.
    patch.setattr(list_dialer, "POSTS", 1)

    supervisor = import_module(_SUPERVISOR).InProcessTestSupervisor
    start = supervisor.start

    def start_and_check(**options: Any) -> Any:
        # Airflow takes whatever ends a task for an error of it, and goes on.
        ended = start(**options)
        clock.check()
        return ended

    patch.setattr(supervisor, "start", start_and_check)


def _patch_triggers(clock: AutojumpClock, patch: pytest.MonkeyPatch) -> None:
    """Run the package's triggers in a loop that follows the clock; other triggers wait in real time."""
    supervisor = import_module(_SUPERVISOR).InProcessTestSupervisor
    run_trigger = supervisor.run_trigger_in_process

    def run(main: Any) -> Any:
        with asyncio.Runner(loop_factory=lambda: AutojumpLoop(clock)) as runner:
            return runner.run(main)

    def run_ours(*, trigger: BaseTrigger, ti: Any) -> Any:
        if not any(base.__module__.startswith("airflow_provider_voiceinfra.") for base in type(trigger).__mro__):
            return run_trigger(trigger=trigger, ti=ti)
        with pytest.MonkeyPatch.context() as inside:
            inside.setattr(asyncio, "run", run)
            # Else a loop wakes up each day.
            inside.setattr("asyncio.base_events.MAXIMUM_SELECT_TIMEOUT", 2 * NEVER.total_seconds())
            inside.setattr(watch_loop, "listener_for", lambda _: WaitListener())
            inside.setattr(watch_loop, "POLL_INTERVAL", NEVER.total_seconds())
            inside.setattr(watch_loop, "SAFETY_INTERVAL", NEVER.total_seconds())
            inside.setattr(call_list.CallListTrigger, "_wait_for_ended_calls", _wait_for_ended_calls)
            inside.setattr(call_list, "TELL_INTERVAL", NEVER.total_seconds())
            return run_trigger(trigger=trigger, ti=ti)

    patch.setattr(supervisor, "run_trigger_in_process", run_ours)


async def _wait_for_ended_calls(trigger: call_list.CallListTrigger) -> None:
    while await trigger._count_ended_calls() < trigger.ended_calls:  # noqa: SLF001
        await AutojumpLoop.running().happened.wait()
