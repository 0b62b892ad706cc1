"""Many waits in a process of their own, and the webhooks that end them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

import requests

from tests.benchmarks.receiver.webhooks import body, sign

SENDERS = 8


class Waits:
    """A runner with many waits."""

    def __init__(self, kind: str, count: int, store_url: str, home: str) -> None:
        environment = os.environ | {
            "AIRFLOW_HOME": home,
            "AIRFLOW__VOICEINFRA__CALL_STORE": store_url,
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
            "AIRFLOW__TRIGGERER__SHARED_STREAM_SUBSCRIBER_QUEUE_SIZE": "100000",
        }
        command = [sys.executable, "-m", "tests.benchmarks.waiting.runner", kind, str(count)]
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.bytes_per_wait: float = self._answer()["bytes_per_wait"]

    def ask(self, command: str) -> dict[str, Any]:
        """Return a command."""
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        for line in self._process.stdout:
            if line.startswith("#"):
                return json.loads(line[1:])
        raise RuntimeError("the runner has ended")


def call_id(number: int) -> str:
    """Return the call ID that a wait of the runner waits for, by its number."""
    return f"call_{number:08}"


def deliver(url: str, call_ids: Sequence[str], per_second: float) -> dict[str, float]:
    """Deliver completions at a steady pace; gives when each was answered with 200."""
    answered: dict[str, float] = {}
    begun = time.time()

    def send(first: int) -> None:
        with requests.Session() as session:
            for number in range(first, len(call_ids), SENDERS):
                time.sleep(max(0.0, begun + number / per_second - time.time()))
                content = body(call_ids[number])
                answer = session.post(url, content, headers={"X-VoiceInfra-Signature": sign(content)}, timeout=30)
                assert answer.status_code == 200
                answered[call_ids[number]] = time.time()

    threads = [threading.Thread(target=send, args=(first,)) for first in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answered
