"""What tests of commands share."""

from __future__ import annotations

import pytest

from airflow_provider_voiceinfra import config
from airflow_provider_voiceinfra.cli.parser import main
from tests.support.store_samples import NUMBER, SECRET


@pytest.fixture
def cli(store, store_url, monkeypatch, capsys):
    """Run a command on the test's store; gives status, output and errors."""
    monkeypatch.setenv("AIRFLOW__VOICEINFRA__CALL_STORE", store_url)
    config.call_store.cache_clear()

    def run(*arguments):
        status = main(arguments)
        output, errors = capsys.readouterr()
        for secret in (NUMBER, NUMBER[2:], SECRET):
            assert secret not in output + errors
        return status, output, errors

    yield run
    config.call_store().close()
    config.call_store.cache_clear()
