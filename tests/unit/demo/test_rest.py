"""What the demo asks of Airflow's API server is done once, also where its SQLite is locked now and then."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote

import pytest
import requests

from airflow_provider_voiceinfra.demo.rest import AirflowRest
from tests.serving import serving


class LockedServer:
    """An API server that knows one paused DAG, and fails when it is told to: before or after it did what was asked."""

    def __init__(self):
        self.fails_before, self.fails_after, self.runs, self.paused = [], [], [], True

    def answer(self, method, path, body):
        if method in self.fails_before:
            self.fails_before.remove(method)
            return 500, {}
        status, content = self._do(method, path, body)
        if method in self.fails_after:
            self.fails_after.remove(method)
            return 500, {}
        return status, content

    def _do(self, method, path, body):
        if method == "PATCH":
            self.paused = body["is_paused"]
        if path == "/api/v2/dags/reminders":
            return 200, {"is_paused": self.paused}
        if method == "POST":
            if any(body["dag_run_id"] == run or body["logical_date"] for run in self.runs):
                return 409, {}
            self.runs.append(body["dag_run_id"])
            return 200, {}
        run_id = unquote(path.rpartition("/")[2])
        return (200, {"state": "queued"}) if run_id in self.runs else (404, {})

    def handler(server):  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def _answer(self):
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
                status, content = server.answer(self.command, self.path, body)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(content).encode())

            do_GET = do_POST = do_PATCH = _answer  # noqa: N815 - their names are the methods'

        return Handler


@pytest.fixture
def server():
    return LockedServer()


@pytest.fixture
def airflow(server):
    with serving(server.handler()) as url:
        yield AirflowRest(url)


@pytest.mark.parametrize("method", ["GET", "PATCH", "POST"])
def test_what_failed_because_the_database_was_locked_is_asked_for_again(airflow, server, method):
    server.fails_before = [method, method]
    run_id = airflow.trigger_dag("reminders", conf={"who": "Ada"})
    assert server.runs == [run_id]
    assert not server.paused


def test_a_run_whose_answer_was_lost_is_started_once(airflow, server):
    server.fails_after = ["POST"]
    assert server.runs == [airflow.trigger_dag("reminders")]


def test_a_run_that_airflow_refuses_is_an_error(airflow, server):
    date = datetime(2026, 11, 27, tzinfo=UTC)
    first = airflow.trigger_dag("reminders", logical_date=date)
    with pytest.raises(requests.HTTPError, match="409"):
        airflow.trigger_dag("reminders", logical_date=date)
    assert server.runs == [first]
