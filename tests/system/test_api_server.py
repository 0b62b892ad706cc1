"""The receiver in Airflow's API server, which runs it in two workers here."""

from __future__ import annotations

import time
from contextlib import suppress

import psutil
import requests

from tests.benchmarks.receiver.webhooks import body, sign
from tests.system.conftest import SECRET, is_part_of, wait_until


def post(airflow, content, secret=SECRET):
    headers = {"X-VoiceInfra-Signature": sign(content, secret)}
    return requests.post(f"{airflow.url}/voiceinfra/webhook", data=content, headers=headers, timeout=120).status_code


def command(process):
    # One that has just ended has none.
    with suppress(psutil.Error):
        return process.cmdline()
    return []


def test_several_workers_of_the_api_server_keep_each_completion_once(airflow, call_store):
    # Wherever they are: an earlier test may have put another API server in the place of the first.
    workers = [each for each in psutil.process_iter() if "--multiprocessing-fork" in command(each)]
    assert sum(is_part_of(airflow, each) for each in workers) == 2
    call_ids = [f"api_server_{number}" for number in range(60)]
    # A connection of its own for each, so that both workers get some.
    assert {post(airflow, body(call_id)) for call_id in call_ids} == {200}
    assert {post(airflow, body(call_id)) for call_id in call_ids} == {200}
    wait_until(lambda: set(call_store.completions.outcomes(call_ids)) == set(call_ids))
    wait_until(lambda: requests.get(f"{airflow.url}/voiceinfra/health", timeout=120).json()["status"] == "ok")


def test_its_figures_are_among_airflows_metrics(airflow, metrics):
    post(airflow, body("api_server_metrics"))
    post(airflow, body("api_server_metrics"))
    post(airflow, b"no JSON")
    post(airflow, body("api_server_refused"), "guess")
    names = {"new", "duplicate", "quarantined", "rejected.unsigned", "spool_depth"}
    wanted = {f"airflow.voiceinfra.webhooks.{name}" for name in names} | {
        "airflow.voiceinfra.calls.oldest_open_seconds",
        "airflow.voiceinfra.calls.completed.answered",
    }
    end = time.monotonic() + 120
    while missing := wanted - metrics:
        assert time.monotonic() < end, missing
        time.sleep(0.05)
