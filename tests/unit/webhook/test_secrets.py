"""The secrets of webhooks: looked up rarely, and remembered while they cannot be."""

from __future__ import annotations

import threading

import pytest

from airflow_provider_voiceinfra.webhook import secrets
from airflow_provider_voiceinfra.webhook.secrets import SecretMissingError, WebhookSecrets


class Backend:
    """A secrets backend that counts, and can be away."""

    def __init__(self, *found):
        self.found, self.asked, self.away = found, 0, False

    def __call__(self, conn_id):
        self.asked += 1
        if self.away:
            raise ConnectionError
        return self.found


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(secrets.time, "monotonic", lambda: now[0])
    return now


def test_a_secret_is_looked_up_once_for_many_webhooks(clock):
    backend = Backend("one")
    known = WebhookSecrets(backend)
    assert known.remembered("c") == ()
    assert [known.get("c") for _ in range(5)] == [("one",)] * 5
    assert known.remembered("c") == ("one",)
    assert backend.asked == 1


def test_strangers_cause_few_look_ups(clock):
    backend = Backend()
    known = WebhookSecrets(backend)
    for second in range(20):
        clock[0] = float(second)
        with pytest.raises(SecretMissingError):
            known.get("c")
    assert backend.asked == 4


def test_nobody_waits_for_a_slow_look_up_while_a_secret_is_known(clock):
    asked, answer = threading.Event(), threading.Event()

    def slow(_):
        if clock[0]:
            asked.set()
            answer.wait(60)
        return ["one"]

    known = WebhookSecrets(slow)
    known.get("c")
    clock[0] = 60.0
    thread = threading.Thread(target=known.get, args=("c",))
    thread.start()
    assert asked.wait(60)
    assert known.get("c") == ("one",)
    answer.set()
    thread.join()


def test_a_secret_that_was_taken_away_is_refused_within_a_minute(clock):
    backend = Backend("leaked")
    known = WebhookSecrets(backend)
    known.get("c")
    backend.found, clock[0] = (), 60.0
    with pytest.raises(SecretMissingError):
        known.get("c")


def test_a_changed_secret_works_within_a_minute(clock):
    backend = Backend("one")
    known = WebhookSecrets(backend)
    known.get("c")
    backend.found = ("two", "one")
    clock[0] = 60.0
    assert known.get("c") == ("two", "one")


def test_the_last_known_secret_serves_while_the_backend_is_away(clock):
    backend = Backend("one")
    known = WebhookSecrets(backend)
    known.get("c")
    backend.away, clock[0] = True, 3_600.0
    assert known.get("c") == ("one",)


@pytest.mark.parametrize("found", [(), ("",), ("", "")])
def test_without_a_secret_nothing_can_be_verified(found):
    with pytest.raises(SecretMissingError):
        WebhookSecrets(Backend(*found)).get("c")
