"""A receiver outside Airflow reads the same variables and the same file as Airflow."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_voiceinfra.config import setting
from airflow_provider_voiceinfra.plugin import api_server
from airflow_provider_voiceinfra.webhook.settings import SettingError, connection_secrets, settings


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


def by_airflow(option):
    """What a process with Airflow makes of an option."""
    asked = f"from airflow_provider_voiceinfra.config import setting; print(repr(setting({option!r})))"
    found = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
    return ast.literal_eval(found.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("given", "means"),
    [
        ("sqlite:////there.db\n", "sqlite:////there.db"),
        ("  sqlite:////there.db  ", "sqlite:////there.db"),
        ("sqlite:///$STORES/one.db", "sqlite:////data/one.db"),
        ("sqlite:///${STORES}/one.db", "sqlite:////data/one.db"),
        ("postgresql://u:100%@db/one", "postgresql://u:100%@db/one"),
    ],
)
def test_a_variable_is_read_as_airflow_reads_it(monkeypatch, given, means):
    monkeypatch.setenv("STORES", "/data")
    monkeypatch.setenv("AIRFLOW__VOICEINFRA__CALL_STORE", given)
    assert settings().call_store == setting("call_store") == means


def test_a_file_is_read_as_airflow_reads_it(monkeypatch, home):
    monkeypatch.setenv("STORES", "/data")
    (home / "airflow.cfg").write_text("[voiceinfra]\ncall_store =  postgresql://u:100%%@db/$STORES  \n")
    assert settings().call_store == by_airflow("call_store") == "postgresql://u:100%@db//data"


def test_a_folder_is_expanded_too(monkeypatch, home):
    monkeypatch.setenv("AIRFLOW__VOICEINFRA__SPOOL", "$AIRFLOW_HOME/spool")
    assert settings().spool.folder == home / "spool"
    monkeypatch.setenv("HOME", "/home/airflow")
    monkeypatch.setenv("AIRFLOW__VOICEINFRA__SPOOL", "~/spool")
    assert settings().spool.folder == Path("/home/airflow/spool")


@pytest.mark.parametrize("place", ["environment", "file"])
def test_a_setting_that_a_command_prints_is_read_by_both(monkeypatch, home, place):
    (home / "store").write_text("sqlite:////from/a/command.db\n")
    if place == "environment":
        monkeypatch.setenv("AIRFLOW__VOICEINFRA__CALL_STORE_CMD", f"cat {home}/store")
    else:
        (home / "airflow.cfg").write_text(f"[voiceinfra]\ncall_store_cmd = cat {home}/store\n")
    assert settings().call_store == by_airflow("call_store") == "sqlite:////from/a/command.db"


def test_so_is_one_from_a_secrets_backend(monkeypatch, home):
    (home / "variables.json").write_text("{}")
    (home / "backend.py").write_text(
        "from airflow.secrets.local_filesystem import LocalFilesystemBackend\n"
        "class Backend(LocalFilesystemBackend):\n"
        "    def get_config(self, key):\n"
        "        return f'sqlite:////from/{key}.db'\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{home}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", "backend.Backend")
    monkeypatch.setenv(
        "AIRFLOW__SECRETS__BACKEND_KWARGS", json.dumps({"variables_file_path": f"{home}/variables.json"})
    )
    monkeypatch.setenv("AIRFLOW__VOICEINFRA__CALL_STORE_SECRET", "vault")
    assert settings().call_store == by_airflow("call_store") == "sqlite:////from/vault.db"


@pytest.mark.parametrize("ending", ["_CMD", "_SECRET"])
def test_a_command_that_airflow_ignores_is_an_error(monkeypatch, ending):
    monkeypatch.setenv(f"AIRFLOW__VOICEINFRA__SPOOL{ending}", "echo /data")
    with pytest.raises(SettingError, match="AIRFLOW__VOICEINFRA__SPOOL itself"):
        settings()


def test_a_command_that_fails_is_an_error_that_repeats_nothing(monkeypatch):
    monkeypatch.setenv("AIRFLOW__VOICEINFRA__CALL_STORE_CMD", "sh -c 'echo secret; exit 3'")
    with pytest.raises(SettingError, match="exit status 3") as error:
        settings()
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("MAX_WEBHOOK_BYTES", "5 MB"), ("FORWARD_TO", "http://staging.example.com/webhook"), ("HASH_DO_NOT_CALL", "si")],
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
