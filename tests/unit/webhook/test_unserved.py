"""A receiver that starts says which open calls no webhook of its can end, and what to do."""

from __future__ import annotations

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.webhook import background
from tests.support.store_samples import queued
from tests.support.webhooks import wait_until

NEW = {"voiceinfra_eu": ["s3cret"]}


def test_a_connection_that_was_renamed_is_told_with_the_remedy(serving, store, caplog):
    queued(store, "call-1")
    with serving(store, NEW, conn_ids=list(NEW)):
        wait_until(lambda: "rename-connection voiceinfra_default NEW" in caplog.text)
    assert "1 open calls of environment 'default'" in caplog.text


def test_nothing_is_told_where_every_call_has_a_webhook(serving, store, caplog):
    queued(store, "call-1")
    with serving(store):
        pass
    assert "rename-connection" not in caplog.text


def test_it_is_told_when_a_store_that_was_away_is_back(serving, migrated_sqlite, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(background, "UNSERVED_INTERVAL", 0.02)
    path = tmp_path / "away.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    queued(CallStore(f"sqlite:///{path}"), "call-1")
    path.rename(tmp_path / "elsewhere")
    with serving(CallStore(f"sqlite:///{path}"), NEW, conn_ids=list(NEW)):
        (tmp_path / "elsewhere").rename(path)
        wait_until(lambda: "rename-connection" in caplog.text)
