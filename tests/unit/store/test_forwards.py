"""The outbox: nothing leaves it before it was taken over there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_voiceinfra.store import forwards, tables
from tests.unit.store.race import in_processes
from tests.unit.store.samples import body, delivery, rows

URLS = ("https://staging/voiceinfra/webhook/{conn_id}", "https://test/webhook")


@pytest.fixture
def forwarding(open_store):
    return open_store(forward_to=URLS)


def test_what_is_new_is_put_there_in_its_own_transaction_for_each_environment(forwarding):
    forwarding.deliveries.keep([delivery(body("call-1")), delivery(b"strange"), delivery(body("call-1"))])
    taken = forwarding.forwards.take(10)
    assert [each.url for each in taken] == [
        "https://staging/voiceinfra/webhook/voiceinfra_default",
        "https://test/webhook",
    ] * 2
    assert [each.body for each in taken] == [body("call-1")] * 2 + [b"strange"] * 2


@pytest.mark.parametrize("content", [body("call-1"), b"strange"])
def test_a_redelivery_is_not_sent_on_again(forwarding, content):
    for _ in range(3):
        forwarding.deliveries.keep([delivery(content)] * 2)
    assert forwarding.forwards.waiting() == 2


def test_without_other_environments_nothing_is_put_there(store):
    store.deliveries.keep([delivery(body("call-1"))])
    assert store.forwards.waiting() == 0


def test_one_that_was_taken_is_nobody_elses_until_its_time_is_over(forwarding, monkeypatch):
    forwarding.deliveries.keep([delivery(body("call-1"))])
    assert len(forwarding.forwards.take(10)) == 2
    assert forwarding.forwards.take(10) == []
    monkeypatch.setattr(forwards, "LEASE", timedelta(0))
    forwarding.deliveries.keep([delivery(body("call-2"))])
    assert len(forwarding.forwards.take(10)) == 2
    assert [each.attempts for each in forwarding.forwards.take(10)] == [2, 2]


def test_it_stays_until_it_is_done_and_waits_longer_each_time(forwarding, monkeypatch):
    forwarding.deliveries.keep([delivery(body("call-1"))])
    first, second = forwarding.forwards.take(10)
    forwarding.forwards.done(first)
    forwarding.forwards.failed(second)
    (row,) = rows(forwarding, tables.forward)
    assert (row.url, row.attempts) == ("https://test/webhook", 1)
    assert forwarding.forwards.take(10) == []
    assert forwarding.forwards.waiting() == 1


def test_several_processes_share_it(forwarding, open_store):
    forwarding.deliveries.keep([delivery(body(f"call-{number}")) for number in range(20)])
    taken = in_processes(4, lambda _: [each.id for each in open_store().forwards.take(10)])
    ids = [each for some in taken for each in some]
    assert sorted(ids) == sorted({row.id for row in rows(forwarding, tables.forward)})
