from __future__ import annotations

import hashlib
import hmac
import socket

import pytest

from airflow_provider_voiceinfra.sandbox import connection, sender, webhooks

FIELDS = {
    "call_id",
    "event",
    "from_number",
    "to_number",
    "agent_id",
    "duration_seconds",
    "start_time",
    "end_time",
    "call_outcome",
    "recording_url",
    "transcript",
    "summary",
    "extracted_data",
}


@pytest.fixture
def _impatient(monkeypatch):
    monkeypatch.setattr(sender, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(sender, "LONGEST_PAUSE", 0.02)


def test_the_webhook_is_signed_and_complete(sandbox, receiver, place):
    call = place(sandbox, variables={"name": "Zoë"}).json()
    webhook = receiver.wait_for(call["call_id"])[0]
    signature = hmac.new(sandbox.secret.encode(), webhook.body, hashlib.sha256).hexdigest()
    assert webhook.headers["X-VoiceInfra-Signature"] == f"sha256={signature}"
    assert webhook.headers["X-VoiceInfra-Event"] == webhook.payload["event"] == "call.completed"
    assert webhook.headers["Content-Type"] == "application/json"
    assert set(webhook.payload) == FIELDS
    for name in ("agent_id", "from_number", "to_number"):
        assert webhook.payload[name] == call[name]


def test_a_known_signature():
    assert webhooks.sign(b"The quick brown fox jumps over the lazy dog", "key") == (
        "sha256=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
    )


@pytest.mark.usefixtures("_impatient")
def test_a_webhook_is_sent_again_until_it_is_answered_200(sandbox, receiver, place):
    receiver.statuses = [500, 401, 302, 204]
    call_id = place(sandbox).json()["call_id"]
    sandbox.wait_for_deliveries(1)
    assert len({webhook.body for webhook in receiver.wait_for(call_id, 5)}) == 1
    tries = [(delivery.attempt, delivery.status) for delivery in sandbox.deliveries]
    assert tries == [(1, 500), (2, 401), (3, 302), (4, 204), (5, 200)]


@pytest.mark.usefixtures("_impatient")
def test_a_webhook_outlives_a_receiver_that_is_away(sandbox, receiver, place):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        sandbox.webhook_url = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        call_id = place(sandbox).json()["call_id"]
        assert sandbox._sender.deliveries.wait_for_any(lambda delivery: delivery.attempt == 2, 60)
    assert sandbox.deliveries[0].status is None
    assert "ConnectionRefused" in sandbox.deliveries[0].error
    sandbox.webhook_url = receiver.url
    receiver.wait_for(call_id)


@pytest.mark.usefixtures("_impatient")
def test_a_receiver_that_does_not_answer_in_time_gets_the_webhook_again(sandboxes, receiver, place, monkeypatch):
    monkeypatch.setattr(connection, "TIMEOUT", 0.05)
    sandbox = sandboxes(webhook_url=receiver.url, webhook_workers=1)
    place(sandbox)
    sandbox.wait_for_deliveries(1)
    receiver.gate.clear()
    call_id = place(sandbox).json()["call_id"]
    receiver.wait_for(call_id, 2)
    receiver.gate.set()
    sandbox.wait_for_deliveries(2)
    failures = [delivery.error for delivery in sandbox.deliveries if delivery.error]
    assert failures
    assert all("Timeout" in failure for failure in failures)


@pytest.mark.parametrize("url", ["127.0.0.1:8080/webhook", "ftp://127.0.0.1/", "http://", "http://x:99999/"])
def test_a_url_that_is_none_is_refused(url, sandbox):
    with pytest.raises(ValueError, match="http://"):
        sandbox.webhook_url = url


@pytest.mark.usefixtures("_impatient")
def test_the_tries_are_bounded(sandboxes, receiver, place, monkeypatch):
    monkeypatch.setattr(sender, "TRIES", 3)
    sandbox = sandboxes(webhook_url=receiver.url, delay=(0.1, 0.1))
    receiver.statuses = [500] * 3
    given_up = place(sandbox).json()["call_id"]
    receiver.wait_for(given_up, 3)
    # This one ends later than a fourth try would come.
    receiver.wait_for(place(sandbox).json()["call_id"])
    assert len(receiver.of(given_up)) == 3


def test_pauses_double_up_to_half_a_minute():
    assert [sender.pause_after(attempt) for attempt in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_without_a_url_nothing_is_sent(sandboxes, receiver, place):
    sandbox = sandboxes(delay=None)
    unheard, heard = (place(sandbox).json()["call_id"] for _ in range(2))
    sandbox.complete(unheard)
    sandbox.webhook_url = receiver.url
    sandbox.complete(heard)
    receiver.wait_for(heard)
    assert receiver.of(unheard) == []


def test_many_webhooks_all_arrive_once(sandbox, receiver, place):
    for _ in range(50):
        place(sandbox)
    sandbox.wait_for_deliveries(50)
    assert all(len(receiver.of(dial.call_id)) == 1 for dial in sandbox.dials)
