"""The receiver over HTTP: what is answered, and what is in the store then."""

from __future__ import annotations

import selectors
import socket
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
import requests

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.webhook import background, request_body
from tests.support.webhooks import body, sign, wait_until
from tests.unit.webhook.conftest import count, post

SECRETS = {"voiceinfra_default": ["s3cret"], "second": ["other"], "keyless": []}


@pytest.fixture
def looked_up():
    return []


@pytest.fixture
def url(store, looked_up, serving, monkeypatch):
    monkeypatch.setattr(background, "REJECTION_INTERVAL", 0.02)

    class LookUp(dict):
        def __getitem__(self, conn_id):
            looked_up.append(conn_id)
            return SECRETS[conn_id]

    with serving(store, LookUp(SECRETS), conn_ids=SECRETS, max_bytes=2_000) as address:
        yield address


@pytest.mark.parametrize("path", ["/webhook/", "/webhook/voiceinfra_default/"])
def test_a_slash_at_the_end_of_the_path_changes_nothing(serving, store, path):
    with serving(store) as url:
        content = body()
        headers = {"X-VoiceInfra-Signature": sign(content)}
        answer = requests.post(url + path, data=content, headers=headers, timeout=120, allow_redirects=False)
    assert answer.status_code == 200
    assert store.calls.completion("call_1")


def test_a_signed_completion_is_in_the_store_when_it_is_answered(url, store):
    assert post(url, body(summary="Yes.")).status_code == 200
    assert store.calls.completion("call_1").summary == "Yes."


def test_a_redelivery_changes_nothing(url, store):
    assert [post(url, body()).status_code for _ in range(3)] == [200] * 3
    assert count(store, schema.completion) == 1


def test_a_second_truth_is_kept_beside_the_first(url, store):
    post(url, body(summary="first"))
    assert post(url, body(summary="second")).status_code == 200
    assert store.calls.completion("call_1").summary == "first"
    assert count(store, schema.completion) == 2


@pytest.mark.parametrize("content", [b"no JSON", b"[]", b"{}", b"\xff", b'{"call_id": "1", "event": "call.started"}'])
def test_what_is_signed_but_not_understood_is_kept_in_quarantine(url, store, content):
    assert post(url, content).status_code == 200
    assert count(store, schema.quarantine) == 1
    assert count(store, schema.completion) == 0


def test_nothing_unsigned_or_wrongly_signed_is_stored(url, store):
    assert requests.post(f"{url}/webhook", data=body(), timeout=120).status_code == 401
    assert post(url, body(), secret="guess").status_code == 401
    assert post(url, body(), secret="s3cret", path="/webhook/second").status_code == 401
    assert count(store, schema.completion) == count(store, schema.quarantine) == 0


def test_each_account_has_its_own_url_and_secret(url, store):
    assert post(url, body(), secret="other", path="/webhook/second").status_code == 200


def test_without_a_secret_nothing_is_taken_and_it_is_sent_again_later(url, store):
    assert post(url, body(), secret="", path="/webhook/keyless").status_code == 503
    assert count(store, schema.completion) == 0


def test_for_a_connection_that_has_no_webhook_nothing_is_looked_up(url, looked_up):
    assert post(url, body(), path="/webhook/aws_default").status_code == 404
    assert "aws_default" not in looked_up


@pytest.mark.parametrize("away", ["sqlite:////nowhere/voiceinfra.db", "postgresql+psycopg://x:y@127.0.0.1:1/none"])
def test_a_store_that_is_away_is_no_200(away, serving):
    with serving(CallStore(away), spool=None) as url:
        assert post(url, body()).status_code == 503
        assert requests.get(f"{url}/health", timeout=120).status_code == 503


def test_a_body_that_is_too_large_is_refused_with_or_without_its_length(url):
    assert post(url, b"x" * 2_001).status_code == 413
    chunked = requests.post(f"{url}/webhook", data=iter([b"x" * 1_000] * 3), timeout=120)
    assert chunked.status_code == 413


def test_a_sender_that_goes_away_leaves_nothing(url, store):
    host = urlsplit(url)
    with socket.create_connection((host.hostname, host.port)) as connection:
        connection.sendall(b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
    assert post(url, body()).status_code == 200
    assert count(store, schema.completion) == 1


@contextmanager
def half_sent(url, half):
    """A sender that begins a body and does not end it."""
    host = urlsplit(url)
    with socket.create_connection((host.hostname, host.port), timeout=120) as connection:
        connection.sendall(b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 1600\r\n\r\n" + half)
        yield connection


@pytest.mark.parametrize("sent", [b"x" * 100, b""])
def test_a_sender_that_is_too_slow_is_not_waited_for(store, serving, figures, monkeypatch, sent):
    with serving(store) as url:
        with monkeypatch.context() as impatient:
            impatient.setattr(request_body, "BODY_TIMEOUT", 0.05)
            with half_sent(url, sent) as connection:
                assert b" 408 " in connection.recv(100)
        assert figures["voiceinfra.webhooks.rejected.too_slow"] == 1
        assert post(url, body()).status_code == 200
    assert count(store, schema.quarantine) == 0


def test_many_who_send_slowly_hold_no_more_memory_than_is_set_aside(store, serving, figures, monkeypatch):
    monkeypatch.setattr(request_body, "_BODIES_AT_ONCE", 1)
    with serving(store, max_bytes=2_000) as url:
        with half_sent(url, b"x" * 1_500) as first, half_sent(url, b"x" * 1_500) as second:
            with selectors.DefaultSelector() as either:
                for sender in (first, second):
                    either.register(sender, selectors.EVENT_READ)
                [(refused, _)] = either.select(60)
            assert b" 503 " in refused.fileobj.recv(100)
            assert figures["voiceinfra.webhooks.rejected.busy"] == 1
        # What they held is free again.
        assert post(url, body("call_2", summary="x" * 500)).status_code == 200


@pytest.mark.parametrize("path", ["/webhook", "/webhook/second"])
def test_a_webhook_is_only_posted(url, path):
    assert requests.get(url + path, timeout=120).status_code == 405


def test_no_log_repeats_what_was_said(url, caplog):
    caplog.set_level("DEBUG")
    post(url, body(transcript="Caller: my secret", to_number="+14155550100", summary="my secret"))
    post(url, b'{"transcript": "my secret", "to_number": "+14155550100"}')
    assert "call_1" in caplog.text
    assert "my secret" not in caplog.text
    assert "4155550100" not in caplog.text


def test_what_became_of_each_webhook_is_counted(serving, store, figures):
    with serving(store) as url:
        for content in (body(), body(), body(summary="other"), b"strange"):
            assert post(url, content).status_code == 200
    counted = {name.rpartition(".")[2]: count for name, count in figures.items() if "webhooks" in name and count}
    assert counted == {"new": 1, "duplicate": 1, "different": 1, "quarantined": 1}


def test_refused_webhooks_are_counted_for_those_who_wait_in_vain(url, store):
    for _ in range(3):
        post(url, body(), secret="guess")
    wait_until(lambda: store.rejected_webhooks.since(datetime.now(UTC)) == 3)
