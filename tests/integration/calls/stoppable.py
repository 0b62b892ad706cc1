"""A process that places calls and gets a real SIGTERM, as a task does that Airflow ends."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from types import SimpleNamespace
from typing import Any

from airflow_provider_voiceinfra.calls import conflicting_call
from airflow_provider_voiceinfra.calls.dialing import Dialer
from airflow_provider_voiceinfra.calls.stop import StopFlag
from airflow_provider_voiceinfra.context import stop_of_task
from airflow_provider_voiceinfra.errors import VoiceInfraError
from airflow_provider_voiceinfra.store.call_store import CallStore
from tests.integration.calls.test_list_dialer import list_dialer
from tests.support.call_samples import account, intent

# Not forked: SQLite takes a lock that another thread held at that moment for one of the child's own.
CONTEXT = multiprocessing.get_context("spawn")
LATEST = 2.0
"""Seconds after the signal in which a POST may begin."""
BEFORE_SIGKILL = 5.0
"""Seconds after the signal in which everything must be left in order."""


class Stoppable:
    """The process.

    :param work: places calls, see below; gets ``url``, ``store_url`` and a function that says what it has come to.
    """

    def __init__(self, work: Callable[..., None], url: str, store_url: str, *args: Any, dies: bool = False) -> None:
        self._pipe, theirs = CONTEXT.Pipe()
        self._process: BaseProcess = CONTEXT.Process(target=_run, args=(theirs, dies, work, url, store_url, *args))
        self._process.start()

    def stop(self) -> float:
        """Send the signal, and tell when."""
        assert self._process.pid is not None
        at = time.time()
        os.kill(self._process.pid, signal.SIGTERM)
        return at

    def said(self, timeout: float = 60.0) -> str:
        """Wait for what it has come to."""
        assert self._pipe.poll(timeout)
        return str(self._pipe.recv())

    def end(self) -> int | None:
        """Wait for its end, and give its exit code."""
        self._process.join(60)
        assert not self._process.is_alive()
        return self._process.exitcode

    def kill(self) -> None:
        """End it as Airflow does five seconds after the signal."""
        self._process.kill()
        self._process.join()


class _Telling(logging.Handler):
    """Says when this process waits for another one's call, which shows nowhere else."""

    def __init__(self, pipe: Any) -> None:
        super().__init__()
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        if "waiting for its answer" in record.getMessage():
            self._pipe.send("waiting")


def _run(pipe: Any, dies: bool, work: Callable[..., None], url: str, store_url: str, *args: Any) -> None:
    task = SimpleNamespace(on_kill=lambda: pipe.send("signalled"))
    if not dies:
        # As Airflow's handler, which calls the operator's on_kill and raises nothing.
        signal.signal(signal.SIGTERM, lambda *_: task.on_kill())
    handler, store = signal.getsignal(signal.SIGTERM), CallStore(store_url)
    logging.getLogger(conflicting_call.__name__).addHandler(_Telling(pipe))
    try:
        work(url, store, *args, stop=stop_of_task({"ti": SimpleNamespace(task=task)}))
        said = "ended"
    except VoiceInfraError as error:
        said = type(error).__name__
    assert signal.getsignal(signal.SIGTERM) == handler
    store.close()
    pipe.send(said)


def call_everybody(url: str, store: CallStore, *, stop: StopFlag) -> None:
    """Place one call after another."""
    dialer = Dialer(store, account(url, api_key="sandbox-key", agent_id="agent_sandbox"))
    for number in range(10_000):
        dialer.place(intent(f"key-{number}", to_number=f"+1212{5551000 + number}", agent_id="agent_sandbox"), stop=stop)


def call_one(url: str, store: CallStore, number: str = "+14155550147", *, stop: StopFlag) -> None:
    """Place one call."""
    ours = account(url, api_key="sandbox-key", agent_id="agent_sandbox")
    # Its own handler of the signal is enough, without on_kill.
    Dialer(store, ours).place(intent("one", to_number=number, agent_id="agent_sandbox"))


def call_a_list(url: str, store: CallStore, *, stop: StopFlag) -> None:
    """Dial a list."""
    while list_dialer(store, url)[0].run() is not None:
        stop.sleep(0.05)
