"""A receiver by itself, as a process that can be killed."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import requests

from tests.benchmarks.receiver.webhooks import SECRET

CONNECTION = json.dumps({"conn_type": "voiceinfra", "extra": {"webhook_secret": SECRET}})


class ReceiverProcess:
    """``python -m airflow_provider_voiceinfra receiver``.

    :param home: for its spool.
    :param before: a command that it is started by, such as strace.
    """

    def __init__(self, home: Path, store_url: str, *, before: Sequence[str] = (), workers: int = 1) -> None:
        self._home = home
        self._store_url = store_url
        self._before = before
        self._workers = workers
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/voiceinfra"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it; gives the seconds until it answers."""
        command = [sys.executable, "-m", "airflow_provider_voiceinfra", "receiver"]
        self.process = subprocess.Popen(
            [*self._before, *command, f"--port={self.port}", f"--workers={self._workers}"],
            env=os.environ
            | {
                "AIRFLOW_HOME": str(self._home),
                "AIRFLOW__VOICEINFRA__CALL_STORE": self._store_url,
                "AIRFLOW_CONN_VOICEINFRA_DEFAULT": CONNECTION,
            },
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        begun = time.monotonic()
        while time.monotonic() - begun < 60:
            try:
                requests.get(f"{self.url}/health", timeout=10)
            except requests.ConnectionError:
                time.sleep(0.01)
            else:
                return time.monotonic() - begun
        raise TimeoutError("the receiver did not start")

    def kill(self) -> None:
        """Let it die at once, with all that belongs to it."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, 9)
            self.process.wait()
            self.process = None

    def stop(self, timeout: float = 60) -> int:
        """Ask it to end; gives its exit status."""
        assert self.process is not None
        self.process.terminate()
        status = self.process.wait(timeout)
        self.process = None
        return status
