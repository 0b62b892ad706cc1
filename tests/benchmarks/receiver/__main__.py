"""What the receiver takes beside a bare route, and how long claims wait beside it.

``python -m tests.benchmarks.receiver`` prints a table of ratios, measured side by side in rounds: (a) a bare Starlette
route that reads the body and answers 200, (b) the receiver on SQLite, with ``synchronous=FULL``, (c) on PostgreSQL,
with ``fsync=on``; 64 connections of wrk, bodies of 2 kB with distinct ids, one worker. It needs wrk.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.call_store import CallStore
from tests.benchmarks.findings import found
from tests.benchmarks.receiver.load import CONNECTIONS, SECONDS, Load, claiming, wrk
from tests.benchmarks.receiver.process import ReceiverProcess
from tests.benchmarks.receiver.webhooks import write_requests
from tests.postgres import find_binaries, running

ROUNDS = 3
PER_SECOND, P99_MS, CLAIM_P99_MS = 2_000, 30, 250
"""The bars of the receiver on SQLite."""
REQUESTS = 150_000
"""More than are sent in a round: each id comes once."""


async def _take(request: Request) -> Response:
    await request.body()
    return Response(status_code=200)


bare = Starlette(routes=[Route("/voiceinfra/webhook", _take, methods=["POST"])])


@contextmanager
def serving_bare() -> Iterator[str]:
    """Serve (a), by the same server with the same settings."""
    app = "tests.benchmarks.receiver.__main__:bare"
    command = [sys.executable, "-m", "uvicorn", app, "--port=18089", "--no-access-log", "--log-level=critical"]
    with subprocess.Popen(command) as process:
        for _ in range(1_000):
            with contextlib.suppress(requests.ConnectionError):
                requests.post("http://127.0.0.1:18089/voiceinfra/webhook", data=b"", timeout=10)
                break
            time.sleep(0.02)
        try:
            yield "http://127.0.0.1:18089/voiceinfra/webhook"
        finally:
            process.terminate()


def measure_bare(requests_file: Path) -> Load:
    """Measure (a)."""
    with serving_bare() as url:
        return wrk(url, requests_file)


def measure_receiver(store_url: str, requests_file: Path) -> Load:
    """Measure the receiver on an empty store, with claims beside it."""
    store = CallStore(store_url)
    store.migrate()
    with store.database.write() as tx:
        tx.execute(sa.delete(schema.completion))
    with tempfile.TemporaryDirectory() as home:
        receiver = ReceiverProcess(Path(home), store_url)
        receiver.start()
        try:
            with claiming(store_url) as claims:
                load = wrk(f"{receiver.url}/webhook", requests_file)
        finally:
            receiver.stop()
    with store.database.read() as tx:
        kept = tx.scalar(sa.select(sa.func.count()).select_from(schema.completion))
    store.close()
    taken = load.per_second * SECONDS
    assert load.rejected == 0, f"{load.rejected} were rejected"
    assert kept >= 0.98 * taken, f"{kept} of {taken:.0f} are in the store"
    return Load(load.per_second, load.p50, load.p99, load.rejected, claims.p99())


def _note(store: str, per_second: float, baseline: float, p99: float, claim_p99: float) -> None:
    found(
        *(f"webhooks stored, fsync before each answer, {store}", per_second, "a second"),
        beside="a bare route that stores nothing",
        than=baseline,
        **_bar(store, f"≥ {PER_SECOND:,} a second", holds=per_second >= PER_SECOND),
    )
    what = f"from a webhook to its 200, {CONNECTIONS} at a time, {store}"
    found(what, p99, "ms, p99", **_bar(store, f"≤ {P99_MS} ms", holds=p99 <= P99_MS))
    what = f"a claim under that load, {store}"
    found(what, claim_p99, "ms, p99", **_bar(store, f"≤ {CLAIM_P99_MS} ms", holds=claim_p99 <= CLAIM_P99_MS))


def _bar(store: str, bar: str, *, holds: bool) -> dict[str, str | bool]:
    return {"bar": bar, "holds": holds} if store == "SQLite" else {}


def start_times(store_url: str) -> float:
    """Seconds until a receiver answers, median."""
    times = []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as home:
            receiver = ReceiverProcess(Path(home), store_url)
            times.append(receiver.start())
            receiver.kill()
    return statistics.median(times)


def main() -> None:
    if shutil.which("wrk") is None:
        sys.exit("wrk is needed: apt install wrk")
    with tempfile.TemporaryDirectory() as folder, running(find_binaries(), durable=True) as postgresql:
        requests_file = Path(folder) / "requests"
        write_requests(requests_file, REQUESTS, "127.0.0.1")
        loads: dict[str, list[Load]] = {}
        for number in range(ROUNDS):
            sqlite = f"sqlite:///{folder}/voiceinfra-{number}.db"
            for name, measure in (
                ("(a) a bare Starlette route", lambda: measure_bare(requests_file)),
                ("(b) the receiver on SQLite", lambda url=sqlite: measure_receiver(url, requests_file)),
                ("(c) the receiver on PostgreSQL", lambda: measure_receiver(postgresql, requests_file)),
            ):
                loads.setdefault(name, []).append(measure())
        head = f"median of {ROUNDS} rounds"
        print(f"{head:<32}{'per second':>11}{'of (a)':>8}{'p50 ms':>8}{'p99 ms':>8}{'claims p99 ms':>15}")
        baseline = statistics.median(load.per_second for load in loads["(a) a bare Starlette route"])
        for name, found in loads.items():
            per_second, p50, p99, claim_p99 = (
                statistics.median(getattr(load, field) for load in found)
                for field in ("per_second", "p50", "p99", "claim_p99")
            )
            ratio = per_second / baseline
            print(f"{name:<32}{per_second:>11,.0f}{ratio:>8.2f}{p50:>8.1f}{p99:>8.1f}{claim_p99:>15.0f}")
            if claim_p99:
                _note(name.partition(" the receiver on ")[2], per_second, baseline, p99, claim_p99)
        print(f"started and answering after {start_times(sqlite):.2f} s (median of 5)")
        print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
