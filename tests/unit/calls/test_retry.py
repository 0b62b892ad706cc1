"""Retries grow apart, and end."""

from __future__ import annotations

import pytest

from airflow_provider_voiceinfra.calls import retry
from airflow_provider_voiceinfra.calls.retry import Backoff, RetryPolicy


@pytest.fixture
def clock(monkeypatch):
    """A clock that tests set."""
    now = [1000.0]
    monkeypatch.setattr(retry.time, "monotonic", lambda: now[0])
    return now


def test_pauses_double_up_to_the_longest():
    backoff = Backoff(RetryPolicy(attempts=9, deadline=1000, base=1, longest=8))
    pauses = [backoff.pause(None) for _ in range(8)]
    for pause, most in zip(pauses, [1, 2, 4, 8, 8, 8, 8, 8], strict=True):
        assert most / 2 <= pause <= most


def test_attempts_end():
    backoff = Backoff(RetryPolicy(attempts=3, base=0))
    assert [backoff.pause(None) for _ in range(4)] == [0, 0, None, None]
    assert Backoff(RetryPolicy(attempts=1)).pause(None) is None


def test_the_deadline_ends_them_too(clock):
    backoff = Backoff(RetryPolicy(attempts=99, deadline=60, base=1, longest=1))
    assert backoff.pause(None) is not None
    clock[0] += 59.8
    assert backoff.pause(None) is None


def test_no_pause_reaches_beyond_the_deadline(clock):
    backoff = Backoff(RetryPolicy(attempts=99, deadline=60))
    assert backoff.pause(61) is None
    assert 50 <= backoff.pause(50) <= 60
    assert backoff.pause(float("inf")) is None


def test_what_voiceinfra_asks_for_is_waited_for_and_not_by_all_at_once():
    pauses = {Backoff(RetryPolicy(base=4)).pause(30) for _ in range(20)}
    assert min(pauses) >= 30
    assert len(pauses) > 1
