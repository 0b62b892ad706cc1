"""The receiver by itself: up at once, without Airflow, and whatever it answered with 200 is in the store."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading

import psutil
import pytest
import requests

from airflow_provider_voiceinfra.store.call_store import CallStore
from tests.benchmarks.receiver import fuzz, losses
from tests.benchmarks.receiver.process import ReceiverProcess
from tests.benchmarks.receiver.webhooks import body, sign
from tests.support.webhooks import wait_until

HEAVY = ("airflow", "fastapi", "alembic", "phonenumbers")


@pytest.fixture
def store_url(migrated_sqlite, tmp_path):
    shutil.copy(migrated_sqlite, tmp_path / "voiceinfra.db")
    return f"sqlite:///{tmp_path}/voiceinfra.db"


@pytest.fixture
def receiver(tmp_path, store_url):
    started = []

    def start(**options):
        started.append(ReceiverProcess(tmp_path, store_url, **options))
        started[-1].start()
        return started[-1]

    yield start
    for each in started:
        each.kill()


def post(receiver, call_id):
    content = body(call_id)
    headers = {"X-VoiceInfra-Signature": sign(content)}
    return requests.post(f"{receiver.url}/webhook", data=content, headers=headers, timeout=120)


def test_it_imports_no_airflow(store_url):
    code = f"""
import asyncio, sys
from airflow_provider_voiceinfra.cli.parser import main
from airflow_provider_voiceinfra.cli import receiver_command
from airflow_provider_voiceinfra.webhook.standalone import app
app()
assert [name for name in {HEAVY!r} if name in sys.modules] == [], sorted(sys.modules)
"""
    environment = os.environ | {"AIRFLOW__VOICEINFRA__CALL_STORE": store_url}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)


def test_it_serves_webhooks_and_health_under_the_same_paths_as_airflow(receiver, store_url):
    served = receiver()
    assert post(served, "call_1").status_code == 200
    # A store that takes seconds is reported, and its webhooks wait on the spool: a busy machine has both.
    wait_until(lambda: requests.get(f"{served.url}/health", timeout=120).json()["status"] == "ok")
    wait_until(lambda: CallStore(store_url).calls.completion("call_1"))
    assert CallStore(store_url).calls.completion("call_1").outcome == "answered"


def test_several_workers_share_a_store(receiver, store_url):
    served = receiver(workers=2)
    for number in range(40):
        assert post(served, f"call_{number}").status_code == 200
    call_ids = [f"call_{number}" for number in range(40)]
    wait_until(lambda: len(CallStore(store_url).completions.outcomes(call_ids)) == len(call_ids))


def test_a_receiver_is_one_process(receiver):
    served = receiver()
    assert post(served, "call_1").status_code == 200
    assert psutil.Process(served.process.pid).children(recursive=True) == []


def test_a_missing_secret_is_told_at_the_start(store_url):
    environment = os.environ | {"AIRFLOW__VOICEINFRA__CALL_STORE": store_url, "AIRFLOW_CONN_VOICEINFRA_DEFAULT": ""}
    command = [sys.executable, "-m", "airflow_provider_voiceinfra", "receiver", "--port=0"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert "webhook_secret" in process.stderr.readline()
        process.terminate()


def test_when_it_is_stopped_it_ends_by_itself(receiver):
    served = receiver(workers=2)
    children = psutil.Process(served.process.pid).children(recursive=True)
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(60) in {0, -signal.SIGTERM}
    assert psutil.wait_procs(children, timeout=120)[1] == []


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_what_it_accepted_is_answered_when_it_is_stopped(receiver, store_url, stop):
    served = receiver()
    answers = []
    senders = [
        threading.Thread(target=lambda n=number: answers.append(post(served, f"call_{n}").status_code))
        for number in range(20)
    ]
    for sender in senders:
        sender.start()
    served.process.send_signal(stop)
    for sender in senders:
        sender.join()
    stored = CallStore(store_url).completions.outcomes([f"call_{number}" for number in range(20)])
    assert len(stored) >= answers.count(200)


@pytest.mark.parametrize("measure", [losses.on_sqlite, losses.on_postgresql])
def test_nothing_that_was_answered_is_lost_by_kills_and_a_store_that_goes_away(measure):
    found = measure(3_000, 3)
    assert (found.delivered, found.lost, found.twice) == (3_000, 0, 0)
    assert found.answers == {200: 3_000}
    assert found.spooled


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("away", [False, True], ids=["store", "spool"])
def test_it_is_on_the_disk_before_it_is_answered(receiver, tmp_path, away):
    if away:
        (tmp_path / "voiceinfra.db").unlink()
    trace = tmp_path / "trace"
    calls = "trace=fsync,fdatasync,recvfrom,read,write,writev,sendto,sendmsg"
    served = receiver(before=["strace", "-f", "-s", "40", "-e", calls, "-o", str(trace)])
    assert post(served, "call_1").status_code == 200
    served.kill()
    lines = trace.read_text().splitlines()
    asked = next(number for number, line in enumerate(lines) if "POST /voiceinfra/webhook" in line)
    answered = next(number for number, line in enumerate(lines) if number > asked and "HTTP/1.1 200" in line)
    synced = [line for line in lines[asked:answered] if re.search(r"f(data)?sync.* = 0$", line)]
    assert synced, lines[asked : answered + 1]
    assert len(list((tmp_path / "voiceinfra-spool").glob("*.spool"))) == away


def test_bad_input_is_refused_and_nothing_unsigned_is_stored(tmp_path):
    found = fuzz.run(f"sqlite:///{tmp_path}/fuzzed.db", tmp_path, count=5_000, seed=random.randrange(2**32))
    assert {status for status in found.answers if status >= 500} == set()
    assert {200, 400, 401, 404, 405} <= found.answers.keys()
    assert (found.foreign, found.missing) == (0, 0)
