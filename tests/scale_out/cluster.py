"""A whole Airflow of several workers, triggerers and receivers, each as on a machine of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import requests

from airflow_provider_voiceinfra.demo.airflow_api import Api
from airflow_provider_voiceinfra.demo.environment import HOST, airflow_environment, free_ports
from airflow_provider_voiceinfra.demo.rest import AirflowRest
from airflow_provider_voiceinfra.sandbox import Sandbox
from tests.scale_out import services
from tests.scale_out.part import ROOT, Part, hostname, wait_for_parts
from tests.scale_out.services import Postgres

SECRET = "scale-out-secret"
DEAD_AFTER = 30
"""Seconds of silence after which a task, a triggerer or a scheduler counts as dead; Airflow's own for a task is 300."""
_AGAIN = "Task already running elsewhere"
_RESTART_AFTER = 2.0
"""Seconds after which a part that ended by itself is started again, as an orchestrator does."""


class Cluster:
    """All the parts, and what they are connected by.

    :param home: a folder for what they write.
    :param rows: of the list, a tenth of which is called at a time.
    """

    def __init__(self, home: Path, postgres: Postgres, sandbox: Sandbox, rows: int) -> None:
        self._home = home
        self.postgres = postgres
        api_port, redis_port, nginx_port, *receiver_ports = free_ports(5)
        self._rows = rows
        self._env = self._environment(api_port, redis_port, sandbox.url)
        self.airflow = AirflowRest(f"http://{HOST}:{api_port}")
        self.webhook_url = f"http://{HOST}:{nginx_port}/voiceinfra/webhook"
        self.parts: dict[str, Part] = {}
        self._add(services.redis(home, redis_port, self._env))
        self._airflow_part("api-server")
        self._airflow_part("scheduler")
        self._airflow_part("dag-processor")
        for number in (1, 2):
            name = f"worker-{number}"
            options = ("-H", name, "--pid", str(home / f"{name}.pid"), "--skip-serve-logs")
            self._airflow_part("celery", "worker", *options, name=name, ready="ready.")
            self._airflow_part("triggerer", "--skip-serve-logs", name=f"triggerer-{number}")
        for number, port in enumerate(receiver_ports, 1):
            self._add(self._receiver(f"receiver-{number}", port))
        self._add(services.nginx(home, nginx_port, receiver_ports, self._env))
        self.restarts: Counter[str] = Counter()
        self._down: set[str] = set()
        self._ended_at: dict[str, float] = {}

    def start(self) -> None:
        """Start everything; returns when all of it is ready."""
        self.postgres.fill(self._rows)
        migrate = [_airflow(), "db", "migrate"]
        subprocess.run(migrate, check=True, env=self._env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for part in self.parts.values():
            part.start()
        wait_for_parts(list(self.parts.values()), 180)
        self._wait_until_alive(180)

    def kill(self, name: str) -> None:
        """SIGKILL a part; it stays away until it is started again."""
        self._down.add(name)
        self.parts[name].kill()

    def start_again(self, name: str) -> None:
        """Start a part that was killed."""
        self._down.discard(name)
        self.parts[name].start()

    def tend(self) -> None:
        """Start again what has ended by itself."""
        now = time.monotonic()
        for name, part in self.parts.items():
            if name in self._down or not part.has_ended():
                continue
            if now > self._ended_at.setdefault(name, now) + _RESTART_AFTER:
                del self._ended_at[name]
                part.stop()
                part.start()
                self.restarts[name] += 1

    def handed_out_again(self) -> int:
        """Count how often Celery handed out a task that was running already, as Airflow noticed."""
        return sum(part.log.read_text(errors="replace").count(_AGAIN) for part in self.parts.values())

    def stop(self) -> None:
        """End everything."""
        for part in self.parts.values():
            part.ask_to_stop()
        for part in self.parts.values():
            part.stop()

    def _add(self, part: Part) -> None:
        self.parts[part.name] = part

    def _airflow_part(self, *command: str, name: str = "", ready: str | None = None) -> None:
        self._add(Part(name or command[0], [_airflow(), *command], self._env, self._home, ready=ready))

    def _receiver(self, name: str, port: int) -> Part:
        command = [sys.executable, "-m", "airflow_provider_voiceinfra", "receiver", f"--host={HOST}", f"--port={port}"]
        # As on a machine of its own.
        env = {**self._env, "AIRFLOW__VOICEINFRA__SPOOL": str(self._home / f"{name}-spool")}
        return Part(name, command, env, self._home, ready="Application startup complete")

    def _wait_until_alive(self, timeout: float) -> None:
        """Wait for the heartbeats of all of Airflow's parts that have any."""
        wanted, end = {"scheduler", "dag-processor", "triggerer-1", "triggerer-2"}, time.monotonic() + timeout
        while missing := wanted - self._alive():
            if time.monotonic() > end:
                raise TimeoutError(f"No heartbeat of {', '.join(sorted(missing))}.")
            self.tend()
            time.sleep(0.5)

    def _alive(self) -> set[str]:
        try:
            jobs = Api(self.airflow.url).call("GET", "api/v2/jobs", params={"is_alive": "true"})["jobs"]
        except requests.RequestException:
            return set()
        return {job["hostname"] for job in jobs}

    def _environment(self, api_port: int, redis_port: int, sandbox_url: str) -> Mapping[str, str]:
        database, store = self.postgres.url("airflow"), self.postgres.url("store")
        extra = {"agent_id": "agent_sandbox", "from_number": "+14155550199", "webhook_secret": SECRET}
        account = {"conn_type": "voiceinfra", "host": sandbox_url, "password": "sandbox-key", "extra": extra}
        warehouse = {"conn_type": "postgres", "host": self.postgres.host, "login": "postgres", "schema": "warehouse"}
        return airflow_environment(self._home, ROOT / "tests" / "scale_out" / "dags", api_port) | {
            "PYTHONPATH": str(ROOT),
            "SCALE_OUT_LINES": str(self._rows // 10),
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": f"{hostname.__module__}.{hostname.__name__}",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": database,
            "AIRFLOW__CELERY__BROKER_URL": f"redis://{HOST}:{redis_port}/0",
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{database}",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": "2",
            # Shorter than a wave: a task that is still running is handed out once more, which must not matter.
            "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "5",
            "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__UNACKED_RESTORE_INTERVAL": "1",
            "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__UNACKED_RESTORE_THROTTLE": "1",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(DEAD_AFTER),
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
            "AIRFLOW__VOICEINFRA__CALL_STORE": store,
            "AIRFLOW_CONN_VOICEINFRA_DEFAULT": json.dumps(account),
            "AIRFLOW_CONN_WAREHOUSE": json.dumps(warehouse),
        }


def _airflow() -> str:
    found = shutil.which("airflow", path=f"{Path(sys.executable).parent}:{os.defpath}")
    assert found is not None
    return found
