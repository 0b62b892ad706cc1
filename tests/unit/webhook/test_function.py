"""``receive(headers, body)``: the receiver for a queue or a cloud function."""

from __future__ import annotations

import json

import pytest

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.webhook import function
from airflow_provider_voiceinfra.webhook.function import receive
from tests.support.store_samples import rows
from tests.support.webhooks import body, sign


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path, store_url):
    monkeypatch.setenv("AIRFLOW__VOICEINFRA__CALL_STORE", store_url)
    monkeypatch.setenv("AIRFLOW__VOICEINFRA__SPOOL", str(tmp_path / "spool"))
    monkeypatch.setenv("AIRFLOW__VOICEINFRA__MAX_WEBHOOK_BYTES", "1000")
    monkeypatch.setenv("AIRFLOW_CONN_VOICEINFRA_DEFAULT", json.dumps({"extra": {"webhook_secret": "s3cret"}}))
    function._parts.cache_clear()
    yield
    function._parts()[1].close()
    function._parts.cache_clear()


def signed(content):
    return {"x-voiceinfra-SIGNATURE": sign(content), "Content-Type": "application/json"}


def test_a_signed_webhook_is_in_the_store_when_it_returns(store):
    assert receive(signed(body()), body()) == 200
    assert receive(signed(body()), body()) == 200
    assert store.calls.completion("call_1").outcome == "answered"


def test_strangers_are_told_apart():
    assert receive({}, body()) == 401
    assert receive(signed(body()), body("call_2")) == 401
    assert receive(signed(body()), body(), "another") == 404
    assert receive(signed(b"x" * 1_001), b"x" * 1_001) == 413


@pytest.mark.parametrize(
    "odd", [{"X-Ort": "Zürich → 東京"}, {"Город": "1"}, {"X-Half": "\ud800"}, {"content-type": "→"}]
)
def test_headers_that_no_http_knows_change_nothing(store, odd):
    assert receive(signed(body()) | odd, body()) == 200
    assert store.calls.completion("call_1")
    assert receive({"X-VoiceInfra-Signature": "→"} | odd, body()) == 401


def test_a_header_that_cannot_be_sent_on_holds_up_no_webhook(store, monkeypatch):
    monkeypatch.setenv("AIRFLOW__VOICEINFRA__FORWARD_TO", "https://staging/webhook")
    function._parts.cache_clear()
    headers = {"X-VoiceInfra-Signature": f" {sign(body())} ", "Content-Type": "a\r\nb", "X-VoiceInfra-Event": "→"}
    assert receive(headers, body()) == 200
    ((kept,),) = ((each.headers,) for each in rows(store, schema.forward))
    assert kept == {"x-voiceinfra-signature": sign(body()), "x-voiceinfra-event": "?"}


def test_without_a_secret_nothing_is_taken(monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_VOICEINFRA_DEFAULT")
    assert receive(signed(body()), body()) == 503


@pytest.mark.parametrize("kind", ["sqlite"])
def test_while_the_store_is_away_it_is_to_be_sent_again_and_is_on_no_spool_that_nobody_empties(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW__VOICEINFRA__CALL_STORE", f"sqlite:///{tmp_path}/nowhere.db")
    function._parts.cache_clear()
    assert receive(signed(body()), body()) == 503
    assert not (tmp_path / "spool").exists()
