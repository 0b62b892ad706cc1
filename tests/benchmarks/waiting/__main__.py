"""What waiting for calls costs, and how soon it ends.

``python -m tests.benchmarks.waiting [COUNT …]`` prints a table: our trigger beside one that polls by itself, core's
shared stream and one that only sleeps, each in the real TriggerRunner, idle and while 200 completions a second come in.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from airflow_provider_voiceinfra.store.call_store import CallStore
from tests.benchmarks.findings import found
from tests.benchmarks.receiver.process import ReceiverProcess
from tests.benchmarks.waiting.waits import Waits, call_id, deliver
from tests.postgres import find_binaries, running

COUNTS = (1_000, 5_000, 10_000)
IDLE_SECONDS = 20
PER_SECOND = 200
DELIVERED = 1_000
KINDS = ("sleeping", "ours", "shared", "polling")


def measure(kind: str, count: int, store_url: str) -> list[float]:
    """Measure one way of waiting.

    :return: bytes a wait, the idle share of a core and queries a second; p50 and p99 in ms from a webhook's 200 to
        the trigger's event, and how many were not woken within five seconds.
    """
    CallStore(store_url).migrate()
    with tempfile.TemporaryDirectory() as home:
        receiver = ReceiverProcess(Path(home), store_url)
        receiver.start()
        waits = Waits(kind, count, store_url, home)
        try:
            idle = waits.ask(f"idle {IDLE_SECONDS}")
            figures = [waits.bytes_per_wait, 100 * idle["cpu"], idle["queries"]]
            if kind == "sleeping":
                return figures
            answered = deliver(f"{receiver.url}/webhook", [call_id(number) for number in range(DELIVERED)], PER_SECOND)
            time.sleep(5)
            fired = waits.ask("events")["events"]
            took = sorted(1_000 * (fired[each] - at) for each, at in answered.items() if each in fired)
            missed = DELIVERED - len(took)
            assert kind != "ours" or not missed, f"{missed} were not woken"
            return [*figures, took[len(took) // 2], took[int(0.99 * len(took))], missed]
        finally:
            waits.close()
            receiver.stop()


def note(store: str, count: int, by_kind: dict[str, list[float]]) -> None:
    """Note what the page shows: our trigger beside one that polls by itself, and its bars."""
    size, cpu, _, _, p99, _ = by_kind["ours"]
    above = (size - by_kind["sleeping"][0]) / 1024
    what = f"{count:,} waits, {store}"
    polling = {"beside": "each polls every 2 s", "than": by_kind["polling"][1]}
    found(f"{what}: idle", cpu, "% of a core", **polling, bar="≤ 1 %", holds=cpu <= 1)
    found(f"{what}: memory per wait, above a trigger that only sleeps", above, "KB", bar="≤ 2 KB", holds=above <= 2)
    polling = {"beside": "each polls every 2 s", "than": by_kind["polling"][4]}
    found(f"{what}: from the webhook's 200 to the event", p99, "ms, p99", **polling, bar="≤ 100 ms", holds=p99 <= 100)


def main() -> None:
    counts = [int(argument) for argument in sys.argv[1:]] or list(COUNTS)
    head = f"{'store':<12}{'waits':>7} {'trigger':<10}{'KB a wait':>10}{'% of a core':>13}{'queries/s':>11}"
    print(f"{head}{'p50 ms':>9}{'p99 ms':>9}{'missed':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for store in ("SQLite", "PostgreSQL"):
            for count in counts:
                by_kind: dict[str, list[float]] = {}
                for kind in KINDS:
                    if store == "SQLite":
                        by_kind[kind] = measure(kind, count, f"sqlite:///{folder}/{kind}-{count}.db")
                    else:
                        with running(find_binaries(), durable=True) as url:
                            by_kind[kind] = measure(kind, count, url)
                    kilobytes, cpu, queries, *took = by_kind[kind]
                    print(
                        f"{store:<12}{count:>7,} {kind:<10}{kilobytes / 1024:>10.1f}{cpu:>13.2f}{queries:>11.2f}"
                        + "".join(f"{each:>9.0f}" for each in took),
                        flush=True,
                    )
                note(store, count, by_kind)


if __name__ == "__main__":
    main()
