"""A claim that is lost or left: nothing more is sent, and an answer counts still."""

from __future__ import annotations

import pytest

from airflow_provider_voiceinfra.errors import (
    CallUnknownError,
)
from tests.support.call_samples import account, dialer, intent, only_call
from tests.support.store_samples import claim, make_old, state
from tests.support.wire import QUEUED, answer, queued, wire

pytestmark = pytest.mark.usefixtures("naps")


def test_a_claim_whose_owner_is_gone_is_unknown_and_not_dialled(store):
    what = intent()
    with wire(queued) as server:
        ours = account(server.url)
        where = {"realm": ours.realm, "host": ours.host, "to_number": what.request.to_number}
        left = claim(store, what.key.text, **where, fingerprint=what.request.fingerprint())
        make_old(store, left)
        with pytest.raises(CallUnknownError):
            dialer(store, server.url).place(what)
    assert server.requests == []
    assert state(store, left.ref) == "unknown"


def test_a_claim_that_is_lost_between_two_attempts_sends_nothing_more(store, open_store):
    def lose_it():
        another = open_store()
        make_old(another, only_call(another))
        another.claims.expire(only_call(another).ref)

    with wire(answer(429, meanwhile=lose_it), queued) as server, pytest.raises(CallUnknownError):
        dialer(store, server.url).place(intent())
    assert len(server.requests) == 1
    assert only_call(store).state == "unknown"


def test_an_answer_counts_though_the_claim_was_given_up_meanwhile(store, open_store):
    def lose_it():
        another = open_store()
        make_old(another, only_call(another))
        another.claims.expire(only_call(another).ref)

    with wire(answer(200, QUEUED, meanwhile=lose_it)) as server:
        assert dialer(store, server.url).place(intent()).state == "queued"
