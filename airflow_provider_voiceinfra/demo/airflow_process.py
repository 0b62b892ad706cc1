"""Starts and stops a real ``airflow standalone``, isolated from others on this machine."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import psutil
import requests

from airflow_provider_voiceinfra.demo import reaper
from airflow_provider_voiceinfra.demo.airflow_api import AirflowError
from airflow_provider_voiceinfra.demo.environment import HOST, airflow_environment, free_ports, is_free
from airflow_provider_voiceinfra.demo.rest import AirflowRest

_COMPONENTS = ("scheduler", "triggerer", "dag_processor")
_LOG_LINES = 40
_POLL = 0.2
_UNREAPED = 5.0
"""Seconds for which a component has ended before Airflow is stopped."""


class Standalone(AirflowRest):
    """A real Airflow on free ports of this machine: scheduler, DAG processor, triggerer and API server.

    It inherits the caller's environment without settings of Airflow, and requires no password. It ends with
    :meth:`stop`, with its ``with`` block, and with the calling process, even if that is killed.

    :param home: folder for its configuration, database (SQLite) and logs; created if it does not exist
    :param env: additional environment variables, which take precedence
    :param port: port of the API server; by default any free one
    """

    def __init__(
        self, home: Path, *, dags_folder: Path, env: Mapping[str, str] | None = None, port: int | None = None
    ) -> None:
        self.home = home.absolute()
        self.log_file = self.home / "standalone.log"
        self._port = port or free_ports(1)[0]
        super().__init__(f"http://{HOST}:{self._port}")
        self.env = {**airflow_environment(self.home, dags_folder.absolute(), self._port), **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, timeout: float = 300) -> None:
        """Start Airflow and return when it is ready to run DAGs.

        :param timeout: seconds
        :raises AirflowError: if it exits or is not ready in time; no process is left running then
        """
        if self._process:
            raise AirflowError(f"This Airflow is already running at {self.url}: stop it first")
        if not is_free(self._port):
            raise AirflowError(
                f"Port {self._port} is in use: stop the process that listens on it, or choose another port"
            )
        started = datetime.now(UTC)
        self._process = self._launch()
        try:
            self._wait_until_ready(self._process, started, timeout)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop Airflow with every process it has started; a second call does nothing.

        :raises AirflowError: if a process cannot be terminated
        """
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        process.communicate()  # closes the pipe too
        if process.returncode == reaper.FAILED:
            raise AirflowError(f"Airflow did not stop completely. {self._log_end()}")

    def __enter__(self) -> Standalone:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _launch(self) -> subprocess.Popen[bytes]:
        airflow = shutil.which("airflow", path=self.env["PATH"])
        if airflow is None:
            raise AirflowError(f"No `airflow` beside {sys.executable}: install apache-airflow there")
        self.home.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("wb") as log:
            return subprocess.Popen(  # noqa: S603 -- its own program
                [sys.executable, "-P", "-m", reaper.__name__, "--", airflow, "standalone"],
                env=self.env,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait_until_ready(self, process: subprocess.Popen[bytes], started: datetime, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        ended_at: dict[int, float] = {}
        while missing := self._missing(started):
            ended_at = {pid: ended_at.get(pid, time.monotonic()) for pid in _ended_children(process.pid)}
            has_lost_component = any(time.monotonic() - at > _UNREAPED for at in ended_at.values())
            if process.poll() is not None or has_lost_component:
                raise AirflowError(f"Airflow exited during its start. {self._log_end()}")
            if time.monotonic() > deadline:
                raise AirflowError(f"Not ready after {timeout:g} s: {', '.join(missing)}. {self._log_end()}")
            time.sleep(_POLL)
        # The first request to the task API takes seconds, during which the server answers no others.
        self._api.call("GET", "execution/health")

    def _missing(self, started: datetime) -> list[str]:
        """Return the components that are not ready. An earlier Airflow in the same home seems alive for a while."""
        try:
            health = self.health()
        except requests.RequestException:
            return ["API server", *_COMPONENTS]
        return [
            name
            for name in _COMPONENTS
            if health[name]["status"] != "healthy"
            or datetime.fromisoformat(health[name][f"latest_{name}_heartbeat"]) < started
        ]

    def _log_end(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return "\n".join([f"The end of {self.log_file}:", *lines])


def _ended_children(reaper_pid: int) -> list[int]:
    """Return the processes of ``airflow standalone`` that have ended and that it has not waited for.

    It never waits for its components, and soon for what else it starts.
    """
    with contextlib.suppress(psutil.NoSuchProcess):
        for airflow in psutil.Process(reaper_pid).children():
            return [each.pid for each in airflow.children() if each.status() == psutil.STATUS_ZOMBIE]
    return []
