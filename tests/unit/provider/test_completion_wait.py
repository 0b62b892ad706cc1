"""What a person is told when a wait ends badly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_voiceinfra import config
from airflow_provider_voiceinfra.completion_wait import CompletionWait, unresolved_call_error
from airflow_provider_voiceinfra.store.inbox.delivery import Delivery
from airflow_provider_voiceinfra.webhook.settings import SettingError
from tests.support.store_samples import NUMBER, body, deliver, queued, started, state, unknown


def test_an_unknown_call_is_reported_with_what_fits_it_and_the_exact_commands(store):
    one, two = unknown(store, "one"), unknown(store, "two")
    deliver(store, "call-1", **started())
    message = str(unresolved_call_error(store, store.calls.get(one.ref)))
    for word in (
        f"`airflow voiceinfra calls resolve {one.ref} --call-id",
        f"`airflow voiceinfra calls resolve {one.ref} --not-placed`",
        two.ref,
        "call-1",
    ):
        assert word in message
    assert NUMBER not in message


def test_calls_that_did_not_end_in_time_are_overdue_and_named(store):
    ours, _ = queued(store, "call-1"), queued(store, "call-2")
    deliver(store, "call-2")
    wait = CompletionWait(store, ("call-1", "call-2"), (), ())
    assert not wait.is_complete()
    message = wait.record_overdue(timedelta(hours=2))
    assert "1 of 2 calls were not completed within 2:00:00" in message
    assert f"{ours.ref} (call-1)" in message
    assert (state(store, "call-1"), state(store, "call-2")) == ("overdue", "completed")
    deliver(store, "call-1")
    assert wait.is_complete()
    assert [result["call_id"] for result in wait.results()] == ["call-1", "call-2"]


def overdue(store):
    queued(store, "call-1")
    return CompletionWait(store, ("call-1",), (), ()).record_overdue(timedelta(hours=2))


def test_where_no_webhook_ever_came_the_url_is_suspected(store):
    assert "No webhook has ever arrived" in overdue(store)


def test_where_webhooks_have_stopped_it_is_said_since_when(store):
    long_ago = datetime.now(UTC) - timedelta(days=1)
    store.deliveries.keep([Delivery.read("voiceinfra_default", long_ago, body("earlier"))])
    assert f"No webhook has arrived since {long_ago:%Y-%m-%d %H:%M} UTC" in overdue(store)


def test_where_webhooks_were_refused_the_secret_is_suspected(store):
    deliver(store, "another")
    store.rejected_webhooks.add("voiceinfra_default", 3)
    store.rejected_webhooks.add("voiceinfra_default", 14)
    assert "17 webhooks were rejected" in overdue(store)


def test_where_others_came_the_call_itself_is_suspected(store):
    deliver(store, "another")
    assert "never completed" in overdue(store)


def test_a_deferral_settles_for_ten_seconds_by_default():
    assert config.deferral_settle_time() == timedelta(seconds=10)


@pytest.mark.parametrize("text", ["soon", "-1", "inf", "nan", ""])
def test_a_settle_time_that_is_not_a_number_of_seconds_is_named(monkeypatch, text):
    monkeypatch.setenv("AIRFLOW__VOICEINFRA__DEFERRAL_SETTLE_TIME", text)
    with pytest.raises(SettingError, match=r"\[voiceinfra\] deferral_settle_time must be a number of seconds"):
        config.deferral_settle_time()
