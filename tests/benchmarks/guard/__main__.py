"""What the guard costs: claims under all rules in a store full of calls, beside claims in an empty one.

``python -m tests.benchmarks.guard`` prints a table of ratios for each kind of store.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import time as clock
from datetime import timedelta

import psycopg
import sqlalchemy as sa

from airflow_provider_voiceinfra.guard.calling_hours import WEEKDAYS, CallingHours
from airflow_provider_voiceinfra.guard.constraints import CallConstraints, rules_for
from airflow_provider_voiceinfra.guard.limits import Limits
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.guard.claim_request import ClaimRequest
from airflow_provider_voiceinfra.store.guard.rules import Cap
from airflow_provider_voiceinfra.store.models import Realm, Source
from tests.benchmarks.findings import found
from tests.benchmarks.guard.history import CONN_ID, fill
from tests.postgres import find_binaries, running

BAR = 1.5
NUMBER = "+44{:010}"
"""Of people who are in none of the past calls."""
_ALL_RULES = Limits(
    max_calls_per_day=10_000_000,
    max_in_flight=1_000,
    calls_per_second=1_000,
    max_calls_per_number=(Cap(1, timedelta(days=7)),),
    calling_hours=CallingHours(clock.min, clock.max, WEEKDAYS, "UTC"),
)


def main() -> int:
    """Measure both kinds of store; ends with 1 if one is slower than the bar."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.guard", description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000_000, help="past calls (default: %(default)s)")
    parser.add_argument("--numbers", type=int, default=100_000, help="not to be called (default: %(default)s)")
    parser.add_argument("--claims", type=int, default=600, help="claims in each store (default: %(default)s)")
    asked = parser.parse_args()
    print(f"| claim and permit | {'ms, median':>10} | of the empty store |\n|---|---|---|")
    reached = True
    for kind, place in (("SQLite", _sqlite), ("PostgreSQL", _postgresql)):
        with place() as (empty_url, full_url):
            empty, full = _store(empty_url), _store(full_url)
            fill(full, asked.calls, asked.numbers)
            worst = _measure(kind, empty, full, asked.claims)
            reached &= worst <= BAR
    return 0 if reached else 1


def _measure(kind: str, empty: CallStore, full: CallStore, claims: int) -> float:
    """Claim in turns, so that whatever else the machine does is shared."""
    ways = {
        f"{kind}, empty, no rules": (empty, Limits()),
        f"{kind}, empty, all rules": (empty, _ALL_RULES),
        f"{kind}, full, all rules": (full, _ALL_RULES),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(claims + 50):
        for name in random.sample(list(ways), len(ways)):
            store, limits = ways[name]
            taken = _claim(store, limits, f"{name}/{number}", NUMBER.format(random.randrange(10**10)))
            if number >= 50:  # warm
                seconds[name].append(taken)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    base = medians[f"{kind}, empty, no rules"]
    for name, median in medians.items():
        print(f"| {name} | {1_000 * median:10.2f} | {median / base:.2f} |", flush=True)
    full = medians[f"{kind}, full, all rules"]
    what = f"claim and permit under all rules, in a store full of calls, {kind}"
    found(
        what, 1_000 * full, "ms", beside="an empty store, all rules", than=1_000 * medians[f"{kind}, empty, all rules"]
    )
    found(
        what,
        1_000 * full,
        "ms",
        beside="an empty store, no rules",
        than=1_000 * base,
        bar=f"≤ {BAR} times",
        holds=full <= BAR * base,
    )
    return full / base


def _claim(store: CallStore, limits: Limits, key: str, number: str) -> float:
    request = _claim_request(key, number)
    begun = time.perf_counter()
    rules = rules_for(limits, CallConstraints(timezone="Europe/London"), number)
    claim = store.claims.take(replace(request, rules=rules)).claim
    assert claim is not None
    store.claims.request_permit(claim)
    taken = time.perf_counter() - begun
    # Its line is free again.
    store.claims.release(claim, "measured")
    return taken


def _claim_request(key: str, number: str) -> ClaimRequest:
    return ClaimRequest(
        key=key,
        base_key=key,
        key_label=key,
        own_key=True,
        settle_timeout=timedelta(hours=2),
        realm=Realm.LIVE,
        host="api.voiceinfra.ai",
        conn_id=CONN_ID,
        webhook_conn_id=CONN_ID,
        source=Source("dag", "run", "run", "task"),
        agent_id="agent_0",
        from_number="+14155550199",
        to_number=number,
        request={"context": "x" * 500},
        fingerprint={},
        metadata={},
    )


def _store(url: str) -> CallStore:
    store = CallStore(url)
    store.migrate()
    return store


@contextmanager
def _sqlite() -> Iterator[tuple[str, str]]:
    with tempfile.TemporaryDirectory(prefix="vi-guard-") as folder:
        yield f"sqlite:///{folder}/empty.db", f"sqlite:///{folder}/full.db"


@contextmanager
def _postgresql() -> Iterator[tuple[str, str]]:
    with running(find_binaries(), durable=True) as url:
        names = ("empty", "full")
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            for name in names:
                connection.execute(f"CREATE DATABASE {name}_store".encode())
        made = [sa.make_url(url).set(database=f"{name}_store") for name in names]
        yield made[0].render_as_string(hide_password=False), made[1].render_as_string(hide_password=False)


if __name__ == "__main__":
    raise SystemExit(main())
