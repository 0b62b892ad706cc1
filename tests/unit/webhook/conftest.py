"""A receiver over HTTP."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager

import pytest
import requests
import sqlalchemy as sa

from airflow_provider_voiceinfra.testing import receiver
from airflow_provider_voiceinfra.webhook import delivery_buffer
from airflow_provider_voiceinfra.webhook import health as health_module
from airflow_provider_voiceinfra.webhook.app import Receiver, create_app
from airflow_provider_voiceinfra.webhook.secrets import WebhookSecrets
from tests.support.webhooks import sign


class Figures(Counter):
    """Metrics that a test can look at."""

    def incr(self, name, count=1):
        self[name] += count

    def gauge(self, name, value):
        self[name] = value


@pytest.fixture
def figures():
    return Figures()


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Let a slow machine not look like a store that is away; tests of one shorten this themselves."""
    monkeypatch.setattr(delivery_buffer, "STORE_TIMEOUT", 120)
    monkeypatch.setattr(health_module, "TIMEOUT", 120)


@pytest.fixture
def serving(figures):
    """Serve a store: ``with serving(store, …) as url``."""

    @contextmanager
    def serve(store, secrets=None, **options):
        look_up = WebhookSecrets((secrets or {"voiceinfra_default": ["s3cret"]}).__getitem__)
        with receiver.serving(create_app(Receiver(store, look_up, metrics=figures, **options))) as url:
            yield url

    return serve


def post(url, content, secret="s3cret", path="/webhook", **headers):
    headers = {"X-VoiceInfra-Signature": sign(content, secret), "X-VoiceInfra-Event": "call.completed"} | headers
    return requests.post(url + path, data=content, headers=headers, timeout=120)


def health(url, **query):
    answer = requests.get(f"{url}/health", params=query, timeout=120)
    return answer.status_code, answer.json()


def count(store, table):
    with store.database.read() as tx:
        return tx.scalar(sa.select(sa.func.count()).select_from(table))
