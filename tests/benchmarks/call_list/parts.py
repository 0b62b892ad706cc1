"""What a list is dialled with: a sandbox that takes its time, a store, and a worker that may be killed."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from airflow_provider_voiceinfra.calls.account import Account
from airflow_provider_voiceinfra.calls.dialing import Dialer
from airflow_provider_voiceinfra.lists.circuit_breaker import CircuitBreaker
from airflow_provider_voiceinfra.lists.column_mapping import ColumnMapping
from airflow_provider_voiceinfra.lists.list_dialer import ListDialer
from airflow_provider_voiceinfra.lists.progress import Progress
from airflow_provider_voiceinfra.lists.source_rows import CallDefaults
from airflow_provider_voiceinfra.sandbox import Sandbox
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.models import Source
from tests.benchmarks.receiver.webhooks import SECRET

ANSWER_SECONDS = 0.1
SETTLE_TIMEOUT = timedelta(seconds=90)
TASK = Source("benchmark", "run", "run", "call")
CONN_ID = "voiceinfra_default"
CONTEXT = multiprocessing.get_context("spawn")


def number_of(row: int) -> str:
    """Return each row a number of its own, for which the sandbox has no surprise."""
    return f"+1212{2_000_000 + row}"


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


def account(url: str) -> Account:
    """Describe the sandbox's account."""
    return Account(CONN_ID, url, "sandbox-key", CONN_ID, agent_id="agent_sandbox", from_number="+14155550199")


def read(store: CallStore, template: CallDefaults, rows: int) -> str:
    """Read the list into the store, if it is not read yet; gives its id."""
    list_id, columns = store.lists.open(TASK), ColumnMapping(variable_columns=("name",))
    if store.lists.is_imported(list_id, 0):
        return list_id
    people = ({"to_number": number_of(row), "name": f"Person {row}"} for row in range(rows))
    numbered = (template.read(position, row, columns) for position, row in enumerate(people, 1))
    import_version = store.lists.begin_import(list_id)
    while batch := list(islice(numbered, 500)):
        store.lists.add(list_id, batch, import_version)
    store.lists.finish_import(list_id, import_version, 0)
    return list_id


def work(url: str, store_url: str, rows: int, calls_per_second: float | None, *, to_the_end: bool) -> None:
    """Dial the list, as a worker of Airflow does.

    :param to_the_end: go on until each row has its end state; else until each is dialled.
    """
    store = CallStore(store_url)
    template = CallDefaults(account(url), "benchmark", calls_per_second=calls_per_second)
    list_id = read(store, template, rows)
    dialer = ListDialer(
        store,
        Dialer(store, account(url)),
        list_id,
        TASK,
        lambda row: template.intent(list_id, row, TASK, settle_timeout=SETTLE_TIMEOUT),
        Progress(store, list_id, circuit_breaker=CircuitBreaker(unknown=0, overdue=0)),
        lambda: None,
        max_in_flight=rows,
        calls_per_second=calls_per_second,
    )
    while (resume_at := dialer.run()) is not None and (to_the_end or store.list_rows.next_due(list_id) is not None):
        time.sleep(min(1.0, max(0.0, (resume_at.until - datetime.now(UTC)).total_seconds())))
    store.close()


def start_worker(*args: Any, to_the_end: bool = False) -> BaseProcess:
    """Start a process that does :func:`work`."""
    worker = CONTEXT.Process(target=work, args=args, kwargs={"to_the_end": to_the_end})
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
