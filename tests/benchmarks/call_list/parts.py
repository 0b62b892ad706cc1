"""What a list is dialled with: a sandbox that takes its time, a store, and a worker that may be killed."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from airflow_provider_voiceinfra.calls.dialing import Dialer
from airflow_provider_voiceinfra.lists.circuit_breaker import CircuitBreaker
from airflow_provider_voiceinfra.lists.list_dialer import ListDialer
from airflow_provider_voiceinfra.lists.progress import Progress
from airflow_provider_voiceinfra.lists.row_queue import RowQueue
from airflow_provider_voiceinfra.sandbox import Sandbox
from airflow_provider_voiceinfra.store.call_store import CallStore
from tests.benchmarks.call_list.lists import PLAIN, TASK, TEAM
from tests.benchmarks.receiver.webhooks import SECRET

ANSWER_SECONDS = 0.1
SETTLE_TIMEOUT = timedelta(seconds=90)
CONTEXT = multiprocessing.get_context("spawn")


class SandboxProcess:
    """The simulated VoiceInfra in a process of its own, whose calls end when they are told to."""

    def __init__(self, webhook_url: str | None = None) -> None:
        self._pipe, theirs = CONTEXT.Pipe()
        self._process = CONTEXT.Process(target=_run_sandbox, args=(theirs, webhook_url), daemon=True)
        self._process.start()
        self.url: str = self._pipe.recv()

    def count(self) -> int:
        """Count the calls that were taken."""
        return int(self._ask("count"))

    def dials(self) -> list[tuple[float, str]]:
        """Return when each call was taken, in seconds, and its number."""
        dials: list[tuple[float, str]] = self._ask("dials")
        return dials

    def complete(self) -> None:
        """End all calls; returns when their webhooks are taken."""
        self._ask("complete")

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.join()

    def _ask(self, what: str) -> Any:
        self._pipe.send(what)
        return self._pipe.recv()


def _run_sandbox(pipe: Connection, webhook_url: str | None) -> None:
    with (
        Sandbox(answer_delay=ANSWER_SECONDS, delay=None, webhook_url=webhook_url, secret=SECRET) as sandbox,
        contextlib.suppress(EOFError),
    ):
        pipe.send(sandbox.url)
        while what := pipe.recv():
            dials = sandbox.dials
            if what == "complete":
                for dial in dials:
                    sandbox.complete(dial.call_id)
                sandbox.wait_for_deliveries(len(dials), 600)
            pipe.send([(dial.at.timestamp(), dial.to_number) for dial in dials] if what == "dials" else len(dials))


def work(
    url: str,
    store_url: str,
    rows: int,
    calls_per_second: float | None = None,
    *,
    has_rules: bool = False,
    to_the_end: bool = False,
) -> None:
    """Dial a list, as a worker of Airflow does.

    :param has_rules: whether it is the team's.
    :param to_the_end: go on until each row has its end state; else until each is dialled.
    """
    store, setup = CallStore(store_url), TEAM if has_rules else PLAIN
    account = setup.account(url)
    template = setup.defaults(account, calls_per_second=calls_per_second)
    store.do_not_call.add(setup.not_called(rows), actor="benchmark", reason="they asked for it")
    list_id = setup.read(store, template, map(setup.person, range(rows)))
    queue = RowQueue(store, list_id, by_priority=has_rules)
    breaker = CircuitBreaker(unknown=0, overdue=0)
    dialer = ListDialer(
        store,
        Dialer(store, account),
        list_id,
        TASK,
        lambda row: template.intent(list_id, row, TASK, settle_timeout=SETTLE_TIMEOUT),
        Progress(store, list_id, redial=setup.redial, circuit_breaker=breaker, queue=queue),
        lambda: None,
        queue=queue,
        max_in_flight=rows,
        calls_per_second=calls_per_second,
    )
    while (resume_at := dialer.run()) is not None and (to_the_end or store.list_rows.next_due(list_id) is not None):
        time.sleep(min(1.0, max(0.0, (resume_at.until - datetime.now(UTC)).total_seconds())))
    store.close()


def start_worker(*args: Any, **options: bool) -> BaseProcess:
    """Start a process that does :func:`work`."""
    worker = CONTEXT.Process(target=work, args=args, kwargs=options)
    worker.start()
    return worker


def most_in(seconds: float, times: list[float]) -> int:
    """Return the most calls that were taken within any so many seconds."""
    most, first = 0, 0
    for index, at in enumerate(times):
        while times[first] <= at - seconds:
            first += 1
        most = max(most, index - first + 1)
    return most


def rate(times: list[float]) -> float:
    """Return the calls per second from the first to the last."""
    return (len(times) - 1) / (times[-1] - times[0])
