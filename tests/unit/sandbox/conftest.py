from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

import pytest
import requests

from airflow_provider_voiceinfra.sandbox import Sandbox
from tests.serving import serving

BODY = {"agent_id": "agent_sandbox", "from_number": "+14155550199", "to_number": "+14155550100"}


@dataclass(frozen=True)
class Received:
    headers: dict
    body: bytes

    @property
    def payload(self):
        return json.loads(self.body)


class Receiver:
    """Takes webhooks; answers the statuses it is told, then 200; holds answers while ``gate`` is shut."""

    def __init__(self):
        self.statuses = []
        self.gate = threading.Event()
        self.gate.set()
        self._received = []
        self._changed = threading.Condition()

    def handler(receiver):  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver._changed:
                    receiver._received.append(Received(dict(self.headers), body))
                    status = receiver.statuses.pop(0) if receiver.statuses else 200
                    receiver._changed.notify_all()
                receiver.gate.wait(60)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        return Handler

    def of(self, call_id):
        with self._changed:
            return [received for received in self._received if received.payload["call_id"] == call_id]

    def wait_for(self, call_id, n=1, timeout=60):
        with self._changed:  # its lock is reentrant
            assert self._changed.wait_for(lambda: len(self.of(call_id)) >= n, timeout), self._received
        return self.of(call_id)

    def wait_for_any(self, n=1, timeout=60):
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._received) >= n, timeout)
            return list(self._received)


@pytest.fixture
def receiver():
    receiver = Receiver()
    with serving(receiver.handler()) as url:
        receiver.url = f"{url}/voiceinfra/webhook"
        yield receiver
        receiver.gate.set()


@pytest.fixture
def sandboxes():
    """Start sandboxes: calls last no time, unless told otherwise."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Sandbox(**{"delay": (0, 0), **options}))


@pytest.fixture
def sandbox(sandboxes, receiver):
    return sandboxes(webhook_url=receiver.url, slow_answer=0.2, late=0.2)


@pytest.fixture
def place():
    """POST a call as a client would; fields replace those of a valid body, None leaves one out."""

    def place(sandbox, to_number=BODY["to_number"], *, key="sandbox-key", **fields):
        body = {**BODY, "to_number": to_number, **fields}
        return requests.post(
            f"{sandbox.url}/calls/outbound",
            json={name: value for name, value in body.items() if value is not None},
            headers={"X-API-Key": key} if key else {},
            allow_redirects=False,
            timeout=60,
        )

    return place


@pytest.fixture
def in_background():
    with ThreadPoolExecutor() as pool:
        yield pool.submit
