"""Verified webhooks are sent on to other environments, unchanged, until those take them."""

from __future__ import annotations

import pytest

from airflow_provider_voiceinfra.store import forwards, tables
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.webhook import forwarder
from airflow_provider_voiceinfra.webhook.environment import forward_urls
from tests.unit.store.samples import rows
from tests.unit.webhook.conftest import body, post, wait_until

ONE = frozenset({"voiceinfra_default"})


@pytest.fixture
def kind():
    return "sqlite"


@pytest.fixture
def second(migrated_sqlite, tmp_path):
    """The store of another environment."""
    path = tmp_path / "second.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    return CallStore(f"sqlite:///{path}")


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(forwarder, "INTERVAL", 0.02)
    monkeypatch.setattr(forwards, "SLOWEST", forwards.timedelta(seconds=0.05))


def test_another_environment_gets_what_was_signed_and_verifies_it_itself(serving, open_store, second):
    with serving(second) as there, serving(open_store(forward_to=[f"{there}/webhook"])) as here:
        assert post(here, body(summary="Yes.")).status_code == 200
        wait_until(lambda: second.calls.completion("call_1"))
    assert second.calls.completion("call_1").summary == "Yes."


def test_what_is_away_gets_it_when_it_is_back(serving, open_store, second):
    with serving(second) as there:
        pass
    store = open_store(forward_to=[f"{there}/webhook"])
    with serving(store) as here:
        post(here, body())
        wait_until(lambda: any(each.attempts >= 2 for each in rows(store, tables.forward)))
    with serving(second) as there:
        with store.database.write() as tx:
            tx.execute(tables.forward.update().values(url=f"{there}/webhook"))
        with serving(store):
            wait_until(lambda: store.forwards.waiting() == 0)
    assert second.calls.completion("call_1")


def test_what_is_refused_there_stays_here(serving, open_store, second):
    with serving(second, {"voiceinfra_default": ["another"]}) as there:
        store = open_store(forward_to=[f"{there}/webhook"])
        with serving(store) as here:
            post(here, body())
            wait_until(lambda: any(each.attempts >= 2 for each in rows(store, tables.forward)))
    assert store.forwards.waiting() == 1


def test_nothing_is_said_of_a_body_that_cannot_be_sent_on(serving, open_store, caplog):
    store = open_store(forward_to=["http://127.0.0.1:9/webhook?token=s3"])
    with serving(store) as here:
        post(here, body(transcript="my secret"))
        wait_until(lambda: "could not be forwarded" in caplog.text)
    assert "my secret" not in caplog.text
    assert "token" not in caplog.text


def test_urls_are_read_and_checked():
    assert forward_urls("", ONE) == ()
    assert forward_urls(" https://a/w , http://localhost:1/w", ONE) == ("https://a/w", "http://localhost:1/w")
    with pytest.raises(ValueError, match="https"):
        forward_urls("http://staging.example.com/voiceinfra/webhook", ONE)
    with pytest.raises(ValueError, match="conn_id"):
        forward_urls("https://staging/webhook", frozenset({"one", "two"}))
