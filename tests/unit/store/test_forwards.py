"""The outbox: nothing leaves it before it was taken over there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.inbox import forwards
from tests.support.race import in_processes
from tests.support.store_samples import body, delivery, rows

STAGING, TEST = "https://staging/voiceinfra/webhook/voiceinfra_default", "https://test/webhook"
URLS = ("https://staging/voiceinfra/webhook/{conn_id}", TEST)


@pytest.fixture
def forwarding(open_store):
    return open_store(forward_to=URLS)


def take_all(store, url):
    """Take what is due for a URL until nothing is."""
    return list(iter(lambda: store.forwards.take(url), None))


def test_what_is_new_is_put_there_in_its_own_transaction_for_each_environment(forwarding):
    forwarding.deliveries.keep([delivery(body("call-1")), delivery(b"strange"), delivery(body("call-1"))])
    assert forwarding.forwards.due() == {STAGING, TEST}
    for url in (STAGING, TEST):
        assert [(each.url, each.body) for each in take_all(forwarding, url)] == [
            (url, body("call-1")),
            (url, b"strange"),
        ]
    assert forwarding.forwards.due() == set()


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
    assert forwarding.forwards.take(TEST)
    assert forwarding.forwards.take(TEST) is None
    monkeypatch.setattr(forwards, "LEASE", timedelta(0))
    forwarding.deliveries.keep([delivery(body("call-2"))])
    assert forwarding.forwards.take(TEST).attempts == 1
    assert forwarding.forwards.take(TEST).attempts == 2


def test_it_stays_until_it_is_done_and_waits_longer_each_time(forwarding):
    forwarding.deliveries.keep([delivery(body("call-1"))])
    forwarding.forwards.done(forwarding.forwards.take(STAGING))
    forwarding.forwards.failed(forwarding.forwards.take(TEST))
    (row,) = rows(forwarding, schema.forward)
    assert (row.url, row.attempts) == (TEST, 1)
    assert forwarding.forwards.take(TEST) is None
    assert forwarding.forwards.waiting() == 1


def test_several_processes_share_it(forwarding, open_store):
    forwarding.deliveries.keep([delivery(body(f"call-{number}")) for number in range(40)])
    taken = in_processes(4, lambda _: [each.id for each in take_all(open_store(), TEST)])
    ids = [each for some in taken for each in some]
    assert sorted(ids) == sorted({row.id for row in rows(forwarding, schema.forward) if row.url == TEST})
