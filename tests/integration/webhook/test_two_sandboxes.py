"""Two sandboxes on one machine: no Airflow takes the webhooks of the other's."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import requests

from airflow_provider_voiceinfra.demo.environment import free_ports
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.testing.receiver import serving
from airflow_provider_voiceinfra.webhook.app import Receiver, create_app
from airflow_provider_voiceinfra.webhook.secrets import WebhookSecrets
from tests.support.store_samples import CALLER, NUMBER, claim

AGENT = "agent_sandbox"


@dataclass(frozen=True)
class SandboxProcess:
    process: subprocess.Popen
    introduction: str

    def printed(self, name):
        return self.introduction.split(name)[1].split()[0]

    def place(self):
        call = {"agent_id": AGENT, "from_number": CALLER, "to_number": NUMBER}
        headers = {"X-API-Key": self.printed("API key")}
        answer = requests.post(f"{self.printed('base URL')}/calls/outbound", json=call, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text

    def next_webhook(self):
        return next(line for line in self.process.stdout if "  webhook  " in line)


@contextmanager
def sandbox_process(port, webhook_url):
    options = ["--port", str(port), "--webhook-url", webhook_url, "--delay", "0"]
    command = [sys.executable, "-m", "airflow_provider_voiceinfra", "sandbox", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            lines = []
            for line in process.stdout:
                lines.append(line)
                if line.startswith("Ctrl-C"):
                    break
            yield SandboxProcess(process, "".join(lines))
        finally:
            process.kill()


@pytest.fixture
def store(migrated_sqlite, tmp_path):
    shutil.copy(migrated_sqlite, tmp_path / "voiceinfra.db")
    store = CallStore(f"sqlite:///{tmp_path}/voiceinfra.db")
    yield store
    store.close()


def test_a_webhook_of_another_sandbox_completes_no_call_and_both_sides_say_so(store, caplog):
    [port] = free_ports(1)
    receiver = Receiver(store, WebhookSecrets(lambda _: [f"sandbox-secret-{port}"]))
    with (
        serving(create_app(receiver)) as url,
        sandbox_process(port, f"{url}/webhook") as ours,
        sandbox_process(0, f"{url}/webhook") as other,
    ):
        # Any webhook that fits would complete it, as its call_id is not known.
        lost = claim(store, agent_id=AGENT)
        store.claims.record_unknown(lost, "the connection was reset")
        other.place()
        assert "401" in (rejected := other.next_webhook())
        assert "webhook_secret" in rejected
        assert "signature is missing or wrong" in caplog.text
        assert store.calls.get(lost.ref).state == "unknown"
        ours.place()
        assert "delivered" in ours.next_webhook()
        assert store.calls.get(lost.ref).state == "completed"
