"""The hook's ``place_call`` as a whole, beside a bare ``requests.post`` to the same sandbox."""

from __future__ import annotations

import itertools
import json
import logging
import multiprocessing
import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

import requests

from airflow_provider_voiceinfra.sandbox import Sandbox
from tests.benchmarks.findings import found
from tests.benchmarks.guard.rules import AGENT, CAPS, EXTRA, HOURS, callees, of_a_call

BAR = 10.0
"""Milliseconds that may come on top of a bare POST."""
WARM = 50
_KEY = "sandbox-key"
_CALLERS = ("+14155550199", "+14155550198")
_CONTEXT = multiprocessing.get_context("spawn")


def measure(store_url: str, calls: int) -> bool:
    """Place calls in turns with bare POSTs; tells whether the bar holds.

    :param store_url: of a store full of calls.
    """
    with _sandbox() as url:
        extra = EXTRA | {"agent_id": AGENT, "from_number": ", ".join(_CALLERS)}
        connection = {"conn_type": "voiceinfra", "host": url, "password": _KEY, "extra": extra}
        os.environ["AIRFLOW_CONN_VOICEINFRA_DEFAULT"] = json.dumps(connection)
        os.environ["AIRFLOW__VOICEINFRA__CALL_STORE"] = store_url
        # A line for each call would be measured as slow as the terminal is.
        logging.getLogger("airflow_provider_voiceinfra").setLevel(logging.WARNING)
        ways = {"hook.place_call": _by_hook(), "requests.post": _bare(url)}
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        numbers = callees((calls + WARM) * len(ways))
        for number in range(calls + WARM):
            for name in random.sample(list(ways), len(ways)):
                begun = time.perf_counter()
                ways[name](next(numbers))
                if number >= WARM:
                    seconds[name].append(time.perf_counter() - begun)
    medians = {name: 1_000 * statistics.median(times) for name, times in seconds.items()}
    for name, median in medians.items():
        print(f"| {name}, SQLite, full, all rules | {median:.2f} ms |", flush=True)
    ours, bare = medians["hook.place_call"], medians["requests.post"]
    what = "hook.place_call under all rules, in a store full of calls, SQLite"
    return found(
        what, ours, "ms", beside="a bare requests.post", than=bare, bar=f"≤ {BAR:g} ms more", holds=ours - bare <= BAR
    )


def _by_hook() -> Callable[[str], object]:
    # Not before the environment is set, which Airflow reads.
    from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook

    hook, keys = VoiceInfraHook(), itertools.count()
    return lambda number: hook.place_call(
        idempotency_key=f"reminder-{next(keys)}",
        to_number=number,
        context="x" * 500,
        calling_hours=HOURS,
        max_calls_per_number=CAPS,
        **of_a_call(),
    )


def _bare(url: str) -> Callable[[str], object]:
    def post(number: str) -> None:
        body = {"to_number": number, "agent_id": AGENT, "from_number": _CALLERS[0], "context": "x" * 500}
        answer = requests.post(f"{url}/calls/outbound", json=body, headers={"X-API-Key": _KEY}, timeout=30)
        answer.raise_for_status()

    return post


@contextmanager
def _sandbox() -> Iterator[str]:
    pipe, theirs = _CONTEXT.Pipe()
    process = _CONTEXT.Process(target=_run_sandbox, args=(theirs,), daemon=True)
    process.start()
    try:
        yield pipe.recv()
    finally:
        process.kill()
        process.join()


def _run_sandbox(pipe: Connection) -> None:
    with Sandbox(delay=None, agents=[AGENT], from_numbers=_CALLERS, api_key=_KEY) as sandbox:
        pipe.send(sandbox.url)
        pipe.recv()
