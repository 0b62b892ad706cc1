"""Bad input ends in one clear sentence that says what to do, and dials nobody."""

from __future__ import annotations

import json

import pytest

from airflow_provider_voiceinfra import config
from tests.dags import one_call


def connection(monkeypatch, **changes):
    import os

    fields = json.loads(os.environ["AIRFLOW_CONN_VOICEINFRA_DEFAULT"]) | changes
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", json.dumps(fields))


def failing(run_dag, voiceinfra, capfd, **params):
    """Run the DAG, and give what a person reads of it."""
    assert run_dag(one_call.plain, **params).state == "failed"
    assert not voiceinfra.dials
    output = "".join(capfd.readouterr())
    assert "2125550100" not in output
    assert "sandbox-key" not in output
    return output


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"to_number": "+1415555"}, "to_number ••• is not a valid number"),
        ({"to_number": ""}, "to_number is empty"),
        ({"to_number": "+19005550100"}, "premium-rate number, which is never called"),
        ({"idempotency_key": " "}, "idempotency_key is empty"),
        ({"agent_id": "agent_of_yesterday"}, "Look up the agent_id in the API tab"),
        ({"to_number": "+12125550142"}, "422 invalid_phone"),
        ({"voiceinfra_conn_id": "nowhere"}, "nowhere"),
    ],
)
def test_a_bad_field_is_named(run_dag, voiceinfra, capfd, params, sentence):
    assert sentence in failing(run_dag, voiceinfra, capfd, **params)


def test_a_number_without_a_country_asks_for_its_region(run_dag, voiceinfra, capfd, monkeypatch):
    connection(monkeypatch, extra={"agent_id": "agent_sandbox", "from_number": "+14155550199"})
    output = failing(run_dag, voiceinfra, capfd, voiceinfra_conn_id="other", to_number="(212) 555-0100")
    assert "set a default_region such as US" in output


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"password": ""}, "has no valid API key: set the key from Settings"),
        ({"password": "revoked-key"}, "Create a key under Settings → API Keys"),
        ({"host": "http://api.example.com/v1"}, "write https:// (plain http is for a sandbox"),
        ({"host": "https://api.voiceinfra.ai/v1"}, "which the fixture voiceinfra rejects"),
        ({"extra": {"from_number": "+14155550199"}}, "agent_id is missing: pass it, or set it on the connection"),
        ({"extra": {"agent_id": "agent_sandbox"}}, "from_number is missing"),
        ({"extra": "{'allowed_numbers': '+14155550100'}"}, "The extra of connection 'other' is not JSON"),
        ({"extra": {"allowed_numers": "+14155550100"}}, "is 'allowed_numbers' meant?"),
        ({"extra": {"agent_id": "agent_sandbox", "from_number": "+14155550198"}}, "one of the account's own"),
    ],
)
def test_a_bad_connection_is_named(run_dag, voiceinfra, capfd, monkeypatch, changes, sentence):
    connection(monkeypatch, **changes)
    output = failing(run_dag, voiceinfra, capfd, voiceinfra_conn_id="other")
    assert sentence in output
    assert "revoked-key" not in output


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("sqlite:////nowhere/at/all.db", "There is no call store at sqlite:////nowhere/at/all.db"),
        ("postgresql+psycopg://me:pass-word@127.0.0.1:1/none", "cannot be used"),
        ("mysql://me:pass-word@db/none", "is not SQLite or PostgreSQL"),
        ("postgresql://me:secret@pass-word@db/none", "write it as %40"),
        ("nonsense", "is not an SQLAlchemy URL"),
    ],
)
def test_a_store_that_cannot_be_used_dials_nobody(run_dag, voiceinfra, capfd, monkeypatch, url, sentence):
    monkeypatch.setenv("AIRFLOW__VOICEINFRA__CALL_STORE", url)
    config.call_store.cache_clear()
    output = failing(run_dag, voiceinfra, capfd)
    assert sentence in output
    assert "[voiceinfra] call_store" in output
    assert "pass-word" not in output
