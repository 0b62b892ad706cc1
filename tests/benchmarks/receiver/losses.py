"""Nothing that was answered with 200 is lost: 50,000 deliveries, ten SIGKILLs, and the store unavailable for a while.

``python -m tests.benchmarks.receiver.losses`` prints a table. It must be zero in the column of losses.
"""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.call_store import CallStore
from tests.benchmarks.findings import found
from tests.benchmarks.receiver.process import ReceiverProcess
from tests.benchmarks.receiver.senders import Senders
from tests.postgres import find_binaries, running, stopped


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the deliveries."""

    delivered: int
    kills: int
    spooled: int
    lost: int
    twice: int
    answers: dict[int, int]


def run(
    url: str, home: Path, *, count: int, kills: int, outage: Callable[[], contextlib.AbstractContextManager[None]]
) -> Result:
    """Deliver, kill and take the store away; then look what is in the store.

    :param outage: takes the store away while it is entered.
    """
    store = CallStore(url)
    store.migrate()
    receiver = ReceiverProcess(home, url)
    receiver.start()
    senders = Senders(receiver.port, count, threads=32)
    senders.start()
    spooled = 0
    spool = home / "voiceinfra-spool"
    for step in range(1, kills + 2):
        while senders.done < count * step // (kills + 2):
            time.sleep(0.01)
        if step == kills // 2 + 1:
            before = senders.done
            with outage():
                while senders.done < min(before + count // 50, count):
                    time.sleep(0.01)
            spooled = senders.done - before
        else:
            receiver.kill()
            receiver.start()
    senders.wait()
    while any(spool.glob("*.spool")):
        time.sleep(0.05)
    receiver.stop()
    with store.database.read() as tx:
        kept = tx.scalars(sa.select(schema.completion.c.call_id)).all()
    store.close()
    lost = senders.acknowledged - set(kept)
    return Result(senders.done, kills, spooled, len(lost), len(kept) - len(set(kept)), senders.answers)


def on_sqlite(count: int, kills: int) -> Result:
    """On SQLite, which another process locks for a while."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "voiceinfra.db"

        @contextlib.contextmanager
        def locked():
            with contextlib.closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                yield
                other.execute("ROLLBACK")

        return run(f"sqlite:///{path}", Path(folder), count=count, kills=kills, outage=locked)


def on_postgresql(count: int, kills: int) -> Result:
    """On PostgreSQL, which is stopped for a while."""
    binaries = find_binaries()
    with tempfile.TemporaryDirectory() as folder, running(binaries, durable=True) as url:
        return run(url, Path(folder), count=count, kills=kills, outage=lambda: stopped(binaries, url))


def main() -> None:
    print(f"{'store':<12}{'delivered':>10}{'SIGKILLs':>10}{'while away':>12}{'lost':>6}{'twice':>7}   answers")
    for name, measure in (("SQLite", on_sqlite), ("PostgreSQL", on_postgresql)):
        result = measure(50_000, 10)
        print(
            f"{name:<12}{result.delivered:>10,}{result.kills:>10}{result.spooled:>12,}{result.lost:>6}{result.twice:>7}"
            f"   {dict(sorted(result.answers.items()))}",
            flush=True,
        )
        what = f"lost of {result.delivered:,} webhooks answered 200, with {result.kills} SIGKILLs, {name}"
        found(what, result.lost, "webhooks", bar="0", holds=not result.lost)


if __name__ == "__main__":
    main()
