"""Load on a receiver, and claims beside it."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.benchmarks.receiver.webhooks import body, sign

SECONDS = 6
CONNECTIONS = 64
_WARM_UP = 200
_SCRIPT = Path(__file__).with_name("wrk.lua")
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1_000.0}


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw, and how long claims took meanwhile, in milliseconds."""

    per_second: float
    p50: float
    p99: float
    rejected: int
    claim_p99: float = 0.0


def wrk(url: str, requests_file: Path) -> Load:
    """Send the requests, after a few others that warm the server up."""
    with requests.Session() as session:
        for number in range(_WARM_UP):
            content = body(f"warm_up_{number}")
            session.post(url, content, headers={"X-VoiceInfra-Signature": sign(content)}, timeout=30)
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--latency", "-s", str(_SCRIPT), url, "--"]
    said = subprocess.run([*command, str(requests_file)], check=True, capture_output=True, text=True).stdout
    found = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    return Load(
        float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1]),
        _milliseconds(said, "50%"),
        _milliseconds(said, "99%"),
        int(found[1]) if found else 0,
    )


def _milliseconds(said: str, which: str) -> float:
    value, unit = re.search(rf"{which}\s+([\d.]+)(us|ms|s)\b", said).groups()
    return float(value) * _UNITS[unit]


class Claims:
    """Times of claims, each measured by the clock of the process that claims."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def p99(self) -> float:
        """In milliseconds."""
        return 1_000 * sorted(self.seconds)[int(0.99 * len(self.seconds))]


@contextmanager
def claiming(store_url: str) -> Iterator[Claims]:
    """Claim calls, 20 times a second, as a worker does, in a process of its own."""
    code = (
        "import sys, time\nfrom airflow_provider_voiceinfra.store.call_store import CallStore\n"
        "from tests.support.store_samples import claim\nstore = CallStore(sys.argv[1])\nnumber = 0\n"
        "while True:\n"
        "    begun = time.perf_counter()\n    claim(store, f'{sys.argv[2]}-{number}')\n"
        "    print(time.perf_counter() - begun, flush=True)\n    number += 1\n    time.sleep(0.05)\n"
    )
    claims = Claims()
    command = [sys.executable, "-c", code, store_url, str(time.time_ns())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as process:
        reader = threading.Thread(target=lambda: claims.seconds.extend(map(float, process.stdout)))
        reader.start()
        yield claims
        process.terminate()
        reader.join()
