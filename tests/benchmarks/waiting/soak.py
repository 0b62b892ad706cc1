"""Waits for ten minutes under load: does memory grow, and is any completion missed?

``python -m tests.benchmarks.waiting.soak [--minutes 10]``: 10,000 waits in one triggerer on PostgreSQL, 500 webhooks
a second, most of them of calls that nobody waits for. Each wait ends within that time.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from pathlib import Path

from airflow_provider_voiceinfra.store.call_store import CallStore
from tests.benchmarks.findings import found
from tests.benchmarks.receiver.process import ReceiverProcess
from tests.benchmarks.waiting.waits import Waits, call_id, deliver
from tests.postgres import find_binaries, running

WAITS = 10_000
PER_SECOND = 500
SAMPLE_SECONDS = 5
WARM_UP_SECONDS = 60


def call_ids(minutes: float) -> list[str]:
    """Return the calls in the order in which they end: those that are waited for are spread evenly among others."""
    total = int(60 * minutes * PER_SECOND)
    every = total // WAITS
    return [call_id(n // every) if n % every == 0 and n // every < WAITS else f"other_{n:08}" for n in range(total)]


def soak(store_url: str, minutes: float) -> tuple[dict[str, float], dict[str, float], list[int]]:
    """Run it; returns when each webhook was answered, when each wait fired, and the samples of the resident bytes."""
    CallStore(store_url).migrate()
    with tempfile.TemporaryDirectory() as home:
        receiver = ReceiverProcess(Path(home), store_url)
        receiver.start()
        waits = Waits("ours", WAITS, store_url, home)
        answered: dict[str, float] = {}
        sender = threading.Thread(
            target=lambda: answered.update(deliver(f"{receiver.url}/webhook", call_ids(minutes), PER_SECOND))
        )
        samples = []
        try:
            sender.start()
            while sender.is_alive():
                samples.append(waits.ask("memory")["bytes"])
                sender.join(SAMPLE_SECONDS)
            time.sleep(5)
            return answered, waits.ask("events")["events"], samples
        finally:
            waits.close()
            receiver.stop()


def main() -> int:
    """Measure; ends with 1 if a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.waiting.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    minutes = parser.parse_args().minutes
    with running(find_binaries(), durable=True) as url:
        answered, fired, samples = soak(url, minutes)
    took = sorted(1_000 * (fired[each] - answered[each]) for each in fired if each in answered)
    p99, missed = took[int(0.99 * len(took))], WAITS - len(fired)
    settled = samples[WARM_UP_SECONDS // SAMPLE_SECONDS :] or samples
    growth = max(settled) / settled[0]
    print(f"{len(answered):,} webhooks, {len(fired):,} of {WAITS:,} waits ended, p99 {p99:.0f} ms")
    print("MB:", *(f"{each / 2**20:.0f}" for each in samples[:: WARM_UP_SECONDS // SAMPLE_SECONDS]))
    what = f"{WAITS:,} waits and {PER_SECOND} webhooks a second for {minutes:g} minutes, PostgreSQL"
    beside = {"beside": "after the first minute", "than": settled[0] / 2**20}
    reached = [
        found(f"{what}: missed", missed, "waits", bar="0", holds=missed == 0),
        found("the same: from the webhook's 200 to the event", p99, "ms, p99", bar="≤ 250 ms", holds=p99 <= 250),
        found("the same: most memory", max(settled) / 2**20, "MB", **beside, bar="≤ 1.05 times", holds=growth <= 1.05),
    ]
    return 0 if all(reached) else 1


if __name__ == "__main__":
    raise SystemExit(main())
