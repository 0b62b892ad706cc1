"""From the end of a wait to the start of the next task, beside Airflow's own wait of the same kind."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime, timedelta

import requests

from airflow_provider_voiceinfra.demo.airflow_process import Standalone
from tests.benchmarks.receiver.webhooks import body, sign

PAIRS = 5
"""How many waits of each kind are deferred at a time; they end one after the other, in turns."""
INTERVAL = timedelta(seconds=4)
BEGIN = timedelta(seconds=90)


def measure(airflow: Standalone) -> dict[str, list[float]]:
    """Return the seconds to the start of the next task, of a few waits of each kind."""
    waits = _defer(airflow)
    ended: dict[str, datetime] = {}
    for kind, run_id, until, at in waits:
        time.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))
        if kind == "ours":
            content = body(until)
            headers = {"X-VoiceInfra-Signature": sign(content)}
            answer = requests.post(f"{airflow.url}/voiceinfra/webhook", content, headers=headers, timeout=60)
            assert answer.status_code == 200
        ended[run_id] = datetime.now(UTC)
    seconds: dict[str, list[float]] = {"ours": [], "floor": []}
    for kind, run_id, _, _ in waits:
        assert airflow.wait_for_run(kind, run_id, timeout=120) == "success"
        [after] = [task for task in airflow.task_instances(kind, run_id) if task["task_id"] == "after"]
        seconds[kind].append((datetime.fromisoformat(after["start_date"]) - ended[run_id]).total_seconds())
    return seconds


def _defer(airflow: Standalone) -> list[tuple[str, str, str, datetime]]:
    """Begin the waits: the kind of each, its run, what it waits for, and when it is to end."""
    begin, waits = datetime.now(UTC) + BEGIN, []
    for number in range(2 * PAIRS):
        kind = "ours" if number % 2 else "floor"
        # The scheduler and the triggerer do much once a second: at any moment of it.
        at = begin + number * INTERVAL + timedelta(seconds=random.random())
        until = f"call_{time.time_ns()}" if kind == "ours" else at.isoformat()
        waits.append((kind, airflow.trigger_dag(kind, conf={"until": until}), until, at))
    for kind, run_id, _, _ in waits:
        airflow.wait_for_task(kind, run_id, "wait", states={"deferred"}, timeout=60)
    assert datetime.now(UTC) < begin, "the machine is too slow for BEGIN"
    return waits
