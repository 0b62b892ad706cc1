"""Production has every kind of row, and so has staging, in one store."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from airflow_provider_voiceinfra import config
from airflow_provider_voiceinfra.cli.parser import main
from airflow_provider_voiceinfra.store.call_store import CallStore
from tests.integration.environments.neighbour import Neighbour, fill

STAGING = "staging"
_RECEIVER = {"opt_out_field": "do_not_call", "forward_to": ("https://elsewhere.example.com/webhook",)}


@pytest.fixture
def production_store(open_store) -> CallStore:
    return open_store(environment="production", **_RECEIVER)


@pytest.fixture
def staging_store(open_store) -> CallStore:
    return open_store(environment=STAGING, **_RECEIVER)


@pytest.fixture
def production(production_store) -> Neighbour:
    return fill(production_store, "zqprod", "0117")


@pytest.fixture
def staging(staging_store) -> Neighbour:
    return fill(staging_store, "zqstag", "0198")


@pytest.fixture
def enter(store_url, monkeypatch) -> Callable[[str], None]:
    """Make this process one of an environment's."""
    monkeypatch.setenv("AIRFLOW__VOICEINFRA__CALL_STORE", store_url)

    def leave() -> None:
        if config.call_store.cache_info().currsize:
            config.call_store().close()
        config.call_store.cache_clear()

    def environment(name: str) -> None:
        leave()
        monkeypatch.setenv("AIRFLOW__VOICEINFRA__ENVIRONMENT", name)

    yield environment
    leave()


@pytest.fixture
def as_staging(enter) -> None:
    """This process is one of staging's."""
    enter(STAGING)


@pytest.fixture
def command(enter, capsys) -> Callable[..., tuple[int, str]]:
    """Run a command in an environment; gives its status and all that it writes."""

    def run(*arguments: str, environment: str = STAGING) -> tuple[int, str]:
        enter(environment)
        status = main(arguments)
        return status, "".join(capsys.readouterr())

    return run


@pytest.fixture
def process(store_url) -> Callable[..., tuple[int, str]]:
    """Run a command in a process of its own; gives its status and all that it writes."""

    def run(*arguments: str, environment: str = STAGING) -> tuple[int, str]:
        known = {"AIRFLOW__VOICEINFRA__CALL_STORE": store_url, "AIRFLOW__VOICEINFRA__ENVIRONMENT": environment}
        line = [sys.executable, "-m", "airflow_provider_voiceinfra", *arguments]
        done = subprocess.run(line, env=os.environ | known, capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout + done.stderr

    return run
