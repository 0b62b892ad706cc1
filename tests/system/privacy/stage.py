"""A real Airflow that tells all it can: debug logs, metrics with tags, lineage with whole tasks."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import requests
from cryptography.fernet import Fernet
from sqlalchemy import make_url

from airflow_provider_voiceinfra.demo.airflow_process import Standalone
from airflow_provider_voiceinfra.demo.environment import HOST, free_ports
from airflow_provider_voiceinfra.sandbox import SCENARIOS, Sandbox
from airflow_provider_voiceinfra.sandbox.scenarios import scenario_of
from airflow_provider_voiceinfra.transfers.results_columns import columns_for
from tests.benchmarks.receiver.webhooks import sign
from tests.dags.canary import AREAS, mark, number, text
from tests.system.conftest import PARSE_INTERVAL

ROOT = Path(__file__).parents[3]
SAID = ("transcript", "summary", "extracted data", "recording link")
SECRETS = ("API key", "webhook secret", "previous webhook secret")
KEY, SECRET, OLD_SECRET = (mark(name, "runtime") for name in SECRETS)
# Fates that take longer than they are worth here.
SLOW = {"10", "33"}


class Metrics:
    """Listens as StatsD does, and keeps all of it."""

    def __init__(self) -> None:
        self.said: set[str] = set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def _listen(self) -> None:
        while lines := self.socket.recv(65_536):
            self.said.update(lines.decode().splitlines())


def settings(home: Path, metrics: Metrics, database: str, store: str) -> dict[str, str]:
    """Return the settings by which Airflow tells most."""
    lineage = {"type": "file", "log_file_path": str(home / "lineage.json"), "append": True}
    return {
        "PYTHONPATH": str(ROOT),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": database,
        "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": PARSE_INTERVAL,
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG",
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_PORT": str(metrics.port),
        "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(lineage),
        "AIRFLOW__OPENLINEAGE__INCLUDE_FULL_TASK_INFO": "True",
        "AIRFLOW__VOICEINFRA__CALL_STORE": store,
    }


def connections(airflow: Standalone, sandbox: Sandbox, echoing: str, warehouse: str) -> None:
    """Keep the connections in Airflow's own database, as its UI does."""
    secrets = {"webhook_secret": SECRET, "webhook_secret_previous": OLD_SECRET}
    extra = json.dumps({"agent_id": "agent_sandbox", "from_number": "+14155550199"} | secrets)
    for conn_id, host in (("voiceinfra_default", sandbox.url), ("echoing", echoing)):
        _connect(airflow, connection_id=conn_id, conn_type="voiceinfra", host=host, password=KEY, extra=extra)
    at = make_url(warehouse)
    fields = {"host": at.query["host"], "login": at.username, "schema": at.database}
    _connect(airflow, connection_id="warehouse", conn_type="postgres", **fields)


def _connect(airflow: Standalone, **fields: str) -> None:
    airflow._api.call("POST", "api/v2/connections", json=fields)


def fill_warehouse(url: str) -> None:
    """Put people there with every fate that the sandbox has, and some whose number is none; a table refuses all."""
    names = ("first message", "context", "variables", "metadata")
    said = [text(name, "runtime") for name in names]
    numbers = [number(13, each.code) for each in SCENARIOS if each.code not in SLOW]
    rows = [(each, *said) for each in [*numbers, f"my number is {number(13)}", said[0]]]
    columns = ", ".join(f"{name.replace(' ', '_')} text" for name in ("to number", *names))
    refusing = ", ".join(f"{each.name} text" for each in columns_for((), ["transcript"]))
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as warehouse:
        warehouse.execute(f"CREATE TABLE people ({columns})")
        warehouse.execute(f"CREATE TABLE refusing ({refusing}, CHECK (transcript IS NULL))")
        warehouse.cursor().executemany("INSERT INTO people VALUES (%s, %s, %s, %s, %s)", rows)


def deliver_what_is_wrong(url: str) -> None:
    """Send webhooks that are not signed, that nobody understands, and of calls that nobody knows."""
    words = {name: text(name, "runtime") for name in ("transcript", "summary")}
    said = words | {"to_number": number(10), "recording_url": mark("recording link", "runtime")}
    good = {"event": "call.completed", "call_id": "foreign", "call_outcome": "answered"} | said
    for content, secret in (
        (json.dumps(good), "guess"),
        (json.dumps(good), OLD_SECRET),
        (json.dumps(good | {"call_outcome": "failed"}), SECRET),
        (json.dumps(said), SECRET),
        (json.dumps(said)[:-1], SECRET),
        (json.dumps([said]), SECRET),
        (json.dumps(good | {"call_id": said["transcript"]}), SECRET),
        (json.dumps(good | {"call_outcome": said["transcript"]}), SECRET),
    ):
        signed = {"X-VoiceInfra-Signature": sign(content.encode(), secret)}
        answer = requests.post(f"{url}/voiceinfra/webhook", data=content.encode(), headers=signed, timeout=60)
        assert answer.status_code == (401 if secret == "guess" else 200)


def say_in_every_call(sandbox: Sandbox) -> None:
    """Let everybody who is called say marked words."""
    for way, areas in AREAS.items():
        said = {
            "transcript": f"Agent: {text('transcript', way)}\nCaller: {text('transcript', way)}",
            "summary": text("summary", way),
            "extracted_data": {"note": text("extracted data", way)},
            "recording_url": f"https://example.com/{mark('recording link', way)}.mp3?a=b",
        }
        for called in (f"+1{area}55501{code:02}" for area in areas for code in range(100)):
            sandbox.outcome(called, scenario_of(called).outcome, **said)


@contextmanager
def receiver(store: str, log: Path) -> Iterator[str]:
    """Run the receiver by itself, beside the one in the API server."""
    port = free_ports(1)[0]
    extra = {"webhook_secret": SECRET, "webhook_secret_previous": OLD_SECRET}
    env = {
        "AIRFLOW_HOME": str(log.parent),
        "AIRFLOW__VOICEINFRA__CALL_STORE": store,
        "AIRFLOW_CONN_VOICEINFRA_DEFAULT": json.dumps({"conn_type": "voiceinfra", "extra": extra}),
    }
    command = [sys.executable, "-m", "airflow_provider_voiceinfra", "receiver", "--host", HOST, "--port", str(port)]
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT)
    try:
        url = f"http://{HOST}:{port}"
        while True:
            try:
                requests.get(f"{url}/voiceinfra/health", timeout=120)
                break
            except requests.ConnectionError:
                assert process.poll() is None
        yield url
    finally:
        process.terminate()
        process.wait()
