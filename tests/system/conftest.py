"""A real Airflow and a sandbox, for all system tests of a session."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from airflow_provider_voiceinfra.demo.airflow_process import Standalone
from airflow_provider_voiceinfra.sandbox import Sandbox
from airflow_provider_voiceinfra.store.call_store import CallStore
from tests.conftest import new_database

ROOT = Path(__file__).parent.parent.parent
SECRET = "system-test-secret"
ON_CALL = "+12075550199"
PARSE_INTERVAL = "3600"
"""Seconds between two readings of a DAG file that has not changed: they would take a fourth of a core."""


def connection(sandbox: Sandbox, **changes: object) -> str:
    """Describe the sandbox's account as Airflow's environment variables do."""
    fields = {
        "conn_type": "voiceinfra",
        "host": sandbox.url,
        "password": "sandbox-key",
        "extra": {"agent_id": "agent_sandbox", "from_number": "+14155550199", "webhook_secret": SECRET},
    }
    return json.dumps(fields | changes)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """A simulated VoiceInfra, whose calls last half a second."""
    with Sandbox(secret=SECRET, delay=(0.3, 0.6), late=5.0) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def store_url(postgres_url: str) -> Iterator[str]:
    """A call store on PostgreSQL, created as an administrator does; the demo shows SQLite."""
    with new_database(postgres_url) as url:
        store = CallStore(url)
        store.migrate()
        store.close()
        yield url


class MetricNames(set[str]):
    """Listens as StatsD does, and notes the names."""

    def __init__(self) -> None:
        super().__init__()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while lines := self.socket.recv(65_536):
            self.update(line.partition(":")[0] for line in lines.decode().splitlines())


@pytest.fixture(scope="session")
def metrics() -> MetricNames:
    """The names of all metrics that Airflow has sent."""
    return MetricNames()


@pytest.fixture(scope="session")
def airflow(
    sandbox: Sandbox,
    metrics: MetricNames,
    postgres_url: str,
    store_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Standalone]:
    """A real Airflow on PostgreSQL, with the DAGs of the tests and the examples."""
    home = tmp_path_factory.mktemp("airflow")
    dags = home / "dags"
    dags.mkdir()
    for folder in ("example_dags", "tests/dags"):
        for file in (ROOT / folder).glob("*.py"):
            (dags / file.name).symlink_to(file)
    with new_database(postgres_url) as database:
        standalone = Standalone(
            home,
            dags_folder=dags,
            env={
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": database,
                "AIRFLOW__API__WORKERS": "2",
                "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": PARSE_INTERVAL,
                "AIRFLOW__METRICS__STATSD_ON": "True",
                "AIRFLOW__METRICS__STATSD_PORT": str(metrics.socket.getsockname()[1]),
                "AIRFLOW__VOICEINFRA__CALL_STORE": store_url,
                "AIRFLOW__VOICEINFRA__RETENTION_DAYS": "90",
                "AIRFLOW_CONN_VOICEINFRA_DEFAULT": connection(sandbox),
                "AIRFLOW_CONN_VOICEINFRA_ON_CALL": connection(sandbox),
                "AIRFLOW_VAR_ON_CALL": ON_CALL,
                "AIRFLOW_CONN_WAREHOUSE": json.dumps({"conn_type": "sqlite", "host": str(home / "warehouse.db")}),
            },
        )
        sandbox.webhook_url = f"{standalone.url}/voiceinfra/webhook"
        with standalone:
            yield standalone


@pytest.fixture
def call_store(store_url: str) -> Iterator[CallStore]:
    """The call store of that Airflow."""
    store = CallStore(store_url)
    yield store
    store.close()


def wait_until(ready: Callable[[], object], seconds: float = 120) -> None:
    """Wait for something that Airflow does by itself.

    :raises AssertionError: it has not come within this time.
    """
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.5)


def unpause(airflow: Standalone, dag_id: str) -> None:
    """Let a DAG that follows events run: Airflow begins to watch for it when it reads its file the next time."""
    dag = f"api/v2/dags/{dag_id}"
    wait_until(lambda: airflow._api.find(dag), 600)
    airflow._api.call("PATCH", dag, json={"is_paused": False})
    token = airflow._api.call("GET", f"{dag}/details")["file_token"]
    airflow._api.call("PUT", f"api/v2/parseDagFile/{token}")


def is_part_of(airflow: Standalone, process: psutil.Process) -> bool:
    """Return whether a process belongs to that Airflow, also one that a test has started in the place of another."""
    with suppress(psutil.Error):
        return process.environ().get("AIRFLOW_HOME") == str(airflow.home)
    return False
