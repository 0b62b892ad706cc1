"""How fast a list is dialled, how steadily, in how much memory, and what becomes of it when its worker is killed.

``python -m tests.benchmarks.call_list`` prints tables, and ends with 1 if a bar is missed. The sandbox answers after
100 ms, so that 50 POSTs at a time allow 500 calls a second; webhooks come after the dialling.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import product
from pathlib import Path

import psycopg
import requests
import sqlalchemy as sa

from airflow_provider_voiceinfra.demo.airflow_process import Standalone
from airflow_provider_voiceinfra.lists.dial_pipeline import POSTS
from airflow_provider_voiceinfra.store.call_store import CallStore
from tests.benchmarks.call_list.dags.mapped import CALLS
from tests.benchmarks.call_list.lists import TASK, number_of
from tests.benchmarks.call_list.parts import (
    ANSWER_SECONDS,
    SandboxProcess,
    most_in,
    rate,
    start_worker,
)
from tests.benchmarks.call_list.planning import peak_of
from tests.benchmarks.findings import found
from tests.benchmarks.receiver.process import ReceiverProcess
from tests.postgres import find_binaries, running

ALLOWED = POSTS / ANSWER_SECONDS
_BAR = 0.8 * ALLOWED
PACE = 20
KILLS = 5


def main() -> int:
    """Measure; ends with 1 if a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.call_list", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="of the list (default: %(default)s)")
    parser.add_argument("--planned", type=int, default=100_000, help="rows of the planned list (default: %(default)s)")
    parser.add_argument("--parts", default="rate,pace,memory,kills", help="what to measure (default: %(default)s)")
    asked = parser.parse_args()
    parts: dict[str, Callable[[], bool]] = {
        "rate": partial(_rate, asked.rows),
        "pace": _pace,
        "memory": partial(_memory, asked.planned),
        "kills": partial(_kills, asked.rows),
    }
    # All of them, whatever the first one has shown.
    reached = [parts[name]() for name in asked.parts.split(",")]
    return 0 if all(reached) else 1


def _rate(rows: int) -> bool:
    """Dial as fast as may be, beside what people do without this package."""
    print(f"\n| {POSTS} at a time, answers after {ANSWER_SECONDS:g} s | calls/s | of {ALLOWED:g} | at most at a time |")
    print("|---|---|---|---|")
    beside = {
        "requests, one after the other": _tell("serial requests", _serial(60)),
        f"{CALLS} mapped HttpOperators": _tell(f"{CALLS} mapped HttpOperators", _mapped()),
    }
    reached = True
    for (kind, place), (setup, has_rules) in product(_STORES.items(), {"": False, " with rules": True}.items()):
        with place() as store_url:
            times = _dialled(store_url, rows, has_rules=has_rules)
        dialled = _tell(f"a list{setup} of {rows:,}, {kind}", times)
        what, bar, holds = f"calls of a list{setup}, {kind}", f"≥ {_BAR:g} a second", dialled >= _BAR
        for name, than in beside.items():
            reached &= found(what, dialled, "a second", beside=name, than=than, bar=bar, holds=holds)
    return reached


def _tell(what: str, times: list[float]) -> float:
    reached = rate(times)
    print(f"| {what} | {reached:.1f} | {reached / ALLOWED:.2f} | {most_in(ANSWER_SECONDS, times)} |", flush=True)
    return reached


def _serial(calls: int) -> list[float]:
    with closing(SandboxProcess()) as sandbox, requests.Session() as session:
        for row in range(calls):
            body = {"agent_id": "agent_sandbox", "from_number": "+14155550199", "to_number": number_of(row)}
            url, headers = f"{sandbox.url}/calls/outbound", {"X-API-Key": "sandbox-key"}
            session.post(url, json=body, headers=headers, timeout=30).raise_for_status()
        return _times(sandbox)


def _mapped() -> list[float]:
    with tempfile.TemporaryDirectory(prefix="vi-mapped-") as home, closing(SandboxProcess()) as sandbox:
        connection = json.dumps({"conn_type": "http", "host": sandbox.url})
        dags = Path(__file__).with_name("dags")
        with Standalone(Path(home), dags_folder=dags, env={"AIRFLOW_CONN_SANDBOX": connection}) as airflow:
            run_id = airflow.trigger_dag("mapped")
            assert airflow.wait_for_run("mapped", run_id, timeout=900) == "success"
        return _times(sandbox)


def _dialled(
    store_url: str, rows: int, calls_per_second: float | None = None, *, has_rules: bool = False
) -> list[float]:
    with closing(SandboxProcess()) as sandbox:
        worker = start_worker(sandbox.url, store_url, rows, calls_per_second, has_rules=has_rules)
        worker.join()
        assert worker.exitcode == 0
        assert set(Counter(number for _, number in sandbox.dials()).values()) == {1}
        return _times(sandbox, rows)


def _times(sandbox: SandboxProcess, rows: int | None = None) -> list[float]:
    times = sorted(at for at, _ in sandbox.dials())
    assert rows is None or len(times) == rows
    return times


def _pace() -> bool:
    """Keep a rate: no second sees more than one above it, and on average almost as many."""
    with _sqlite() as store_url:
        times = _dialled(store_url, 30 * PACE, PACE)
    most, kept = most_in(1.0, times), rate(times)
    print(f"\n| calls_per_second={PACE} | most in any second | calls/s | of {PACE} |\n|---|---|---|---|")
    print(f"| {len(times)} rows | {most} | {kept:.2f} | {kept / PACE:.3f} |", flush=True)
    what = f"calls_per_second={PACE}: most in any second"
    steady = found(what, most, "calls", bar=f"≤ {PACE + 1}", holds=most <= PACE + 1)
    bar = f"≥ {0.97 * PACE:g}"
    return found("the same: on average", kept, "a second", bar=bar, holds=kept >= 0.97 * PACE) and steady


def _memory(rows: int) -> bool:
    """Plan a short list and a long one."""
    few, many = peak_of(1_000), peak_of(rows)
    print(f"\n| planning | 1,000 rows | {rows:,} rows | ratio |\n|---|---|---|---|")
    print(f"| peak, MB | {few / 2**20:.1f} | {many / 2**20:.1f} | {many / few:.2f} |", flush=True)
    return found(
        f"memory to plan {rows:,} rows",
        many / 2**20,
        "MB",
        beside="1,000 rows",
        than=few / 2**20,
        bar="≤ 1.3 times",
        holds=many <= 1.3 * few,
    )


def _kills(rows: int) -> bool:
    """Kill the worker while it dials, again and again; then let one go on to the end."""
    with _sqlite() as store_url, tempfile.TemporaryDirectory() as home:
        receiver = ReceiverProcess(Path(home), store_url)
        receiver.start()
        with closing(SandboxProcess(f"{receiver.url}/webhook")) as sandbox:
            for kill in range(1, KILLS + 1):
                worker = start_worker(sandbox.url, store_url, rows, None)
                while worker.is_alive() and sandbox.count() < kill * rows // (KILLS + 1):
                    time.sleep(0.01)
                worker.kill()
                worker.join()
            start_worker(sandbox.url, store_url, rows, None).join()
            sandbox.complete()
            start_worker(sandbox.url, store_url, rows, None, to_the_end=True).join()
            dials = Counter(number for _, number in sandbox.dials())
        receiver.kill()
        store = CallStore(store_url)
        results = store.lists.counts(store.lists.open(TASK))
        store.close()
    twice, ended = sum(count > 1 for count in dials.values()), sum(results.values())
    unknown = results["done", "unknown"]
    answered, overdue = results["done", "answered"], results["done", "overdue"]
    not_ended = ended - answered - overdue - unknown
    print(f"\n| killed {KILLS} times | rows | dialled twice | answered | overdue | unknown, reported | not ended |")
    print(f"|---|---|---|---|---|---|---|\n| while dialling | {ended} | {twice} | {answered} ", end="")
    print(f"| {overdue} | {unknown} | {not_ended} |", flush=True)
    holds = not twice and not not_ended and ended == rows and len(dials) + unknown >= rows
    what = f"rows dialled twice, of {rows:,}, with the worker killed {KILLS} times"
    return found(what, twice, "rows", bar="0, and each row ends", holds=holds)


@contextmanager
def _sqlite() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="vi-list-") as folder:
        yield _migrated(f"sqlite:///{folder}/voiceinfra.db")


@contextmanager
def _postgresql() -> Iterator[str]:
    with running(find_binaries(), durable=True) as url:
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("CREATE DATABASE lists")
        yield _migrated(sa.make_url(url).set(database="lists").render_as_string(hide_password=False))


def _migrated(url: str) -> str:
    store = CallStore(url)
    store.migrate()
    store.close()
    return url


_STORES = {"SQLite": _sqlite, "PostgreSQL": _postgresql}


if __name__ == "__main__":
    raise SystemExit(main())
