"""A receiver outside Airflow reads the same variables and the same file as Airflow."""

from __future__ import annotations

import json

import pytest

from airflow_provider_voiceinfra.plugin import api_server
from airflow_provider_voiceinfra.webhook.environment import SettingError, connection_secrets, settings


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.delenv("AIRFLOW_CONFIG", raising=False)
    return tmp_path


def test_without_anything_the_defaults_are_airflows(home):
    from airflow.sdk import conf

    found = settings()
    assert found.call_store == f"sqlite:///{home}/voiceinfra.db"
    assert found.spool.folder == home / "voiceinfra-spool"
    assert found.webhook_conn_ids == {"voiceinfra_default"}
    assert found.max_webhook_bytes == conf.getint("voiceinfra", "max_webhook_bytes")


def test_variables_come_before_the_file(home, monkeypatch):
    (home / "airflow.cfg").write_text(
        "[voiceinfra]\ncall_store = postgresql://u:100%%@db/one\nwebhook_conn_ids = a, b\n"
    )
    assert settings().call_store == "postgresql://u:100%@db/one"
    assert settings().webhook_conn_ids == {"a", "b"}
    monkeypatch.setenv("AIRFLOW__VOICEINFRA__CALL_STORE", "sqlite:////there.db")
    assert settings().call_store == "sqlite:////there.db"


def test_no_spool_is_no_spool(monkeypatch):
    monkeypatch.setenv("AIRFLOW__VOICEINFRA__SPOOL", "")
    assert settings().spool is None


@pytest.mark.parametrize("place", ["environment", "file"])
@pytest.mark.parametrize("ending", ["_cmd", "_secret"])
def test_what_only_airflow_can_look_up_is_not_ignored(monkeypatch, tmp_path, ending, place):
    if place == "environment":
        monkeypatch.setenv(f"AIRFLOW__VOICEINFRA__CALL_STORE{ending.upper()}", "cat /run/secret")
    else:
        (tmp_path / "airflow.cfg").write_text(f"[voiceinfra]\ncall_store{ending} = cat /run/secret\n")
        monkeypatch.setenv("AIRFLOW_CONFIG", str(tmp_path / "airflow.cfg"))
    with pytest.raises(SettingError, match="AIRFLOW__VOICEINFRA__CALL_STORE itself"):
        settings()


@pytest.mark.parametrize(
    ("name", "value"), [("MAX_WEBHOOK_BYTES", "5 MB"), ("FORWARD_TO", "http://staging.example.com/webhook")]
)
def test_a_setting_that_cannot_be_used_is_said_to_be_so(monkeypatch, name, value):
    monkeypatch.setenv(f"AIRFLOW__VOICEINFRA__{name}", value)
    with pytest.raises(SettingError, match=r"\[voiceinfra\]"):
        settings()


@pytest.mark.parametrize(
    "connection",
    [
        json.dumps({"conn_type": "voiceinfra", "extra": {"webhook_secret": "new", "webhook_secret_previous": "old"}}),
        json.dumps({"extra": json.dumps({"webhook_secret": "new", "webhook_secret_previous": "old"})}),
        "voiceinfra://:key@api.voiceinfra.ai/v1?webhook_secret=new&webhook_secret_previous=old",
        "voiceinfra://:key@/?__extra__=%7B%22webhook_secret%22%3A%22new%22%2C%22webhook_secret_previous%22%3A%22old%22%7D",
    ],
)
def test_secrets_are_those_that_airflow_would_find(monkeypatch, connection):
    monkeypatch.setenv("AIRFLOW_CONN_MY_ACCOUNT", connection)
    assert connection_secrets("my_account") == api_server.connection_secrets("my_account") == ["new", "old"]


def test_a_secret_of_digits_only_is_one_too(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_MY_ACCOUNT", json.dumps({"extra": {"webhook_secret": 20261127}}))
    assert connection_secrets("my_account") == api_server.connection_secrets("my_account") == ["20261127", ""]


def test_no_connection_has_no_secret():
    assert connection_secrets("nobody") == ["", ""]
