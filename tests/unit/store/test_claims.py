"""One key, at most one claim; and only its owner may dial, let go, or answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.claims.results import Conflict, ConflictReason
from airflow_provider_voiceinfra.store.models import Realm
from tests.support.race import in_processes, in_threads
from tests.support.store_samples import claim, claim_request, deliver, events, make_old, rows, state


def test_of_many_threads_one_gets_the_key(store):
    taken = in_threads(*[lambda: store.claims.take(claim_request())] * 12)
    [owner] = [one.claim for one in taken if one.claim]
    assert {one.conflict.ref for one in taken if one.conflict} == {owner.ref}


def test_of_many_processes_one_gets_the_key(open_store):
    taken = in_processes(6, lambda _: open_store().claims.take(claim_request()).claim is not None)
    assert sorted(taken) == [False] * 5 + [True]


def test_only_the_owner_is_granted_a_send_permit(store):
    ours = claim(store)
    assert store.claims.request_permit(ours).permit
    assert not store.claims.request_permit(replace(ours, owner="somebody else")).permit


@pytest.mark.parametrize("end", ["release", "record_queued", "record_rejected", "record_unknown"])
def test_no_permit_is_granted_once_the_call_is_not_claimed(store, end):
    ours = claim(store)
    words = {"record_rejected": ("invalid_phone", "no")}.get(end, ("word",))
    getattr(store.claims, end)(ours, *words)
    assert not store.claims.request_permit(ours).permit


def test_a_permit_renews_the_claim(store):
    ours = claim(store)
    make_old(store, ours)
    store.claims.request_permit(ours)
    store.claims.expire(ours.ref)


@pytest.mark.parametrize(
    "let_go",
    [
        lambda claims, ours: claims.release(ours, "test"),
        lambda claims, ours: claims.record_rejected(ours, "invalid_phone", "no"),
    ],
    ids=["released", "rejected"],
)
def test_a_key_let_go_is_free_and_its_row_stays(store, let_go):
    first = claim(store)
    let_go(store.claims, first)
    second = claim(store)
    assert [row.ref for row in rows(store, schema.call)] == [first.ref, second.ref]


def test_the_last_owner_cannot_let_go_of_the_next_ones_key(store):
    first = claim(store)
    store.claims.release(first, "test")
    second = claim(store)
    assert not store.claims.release(first, "again")
    assert state(store, second.ref) == "claimed"


@pytest.mark.parametrize("end", ["record_queued", "record_unknown"])
def test_a_call_that_may_have_been_placed_keeps_its_key(store, end):
    ours = claim(store)
    getattr(store.claims, end)(ours, "word")
    assert store.claims.take(claim_request()).conflict == Conflict(ours.ref, ConflictReason.KEY)
    assert not store.claims.release(ours, "test")


def test_environments_and_realms_have_keys_of_their_own(store, open_store):
    staging, sandbox = open_store(environment="staging"), {"realm": Realm.SANDBOX, "host": "localhost"}
    first, other = claim(store), claim(store, **sandbox)
    third = claim(staging)
    assert store.claims.take(claim_request()).conflict == Conflict(first.ref, ConflictReason.KEY)
    assert store.claims.take(claim_request(**sandbox)).conflict == Conflict(other.ref, ConflictReason.KEY)
    assert staging.claims.take(claim_request()).conflict == Conflict(third.ref, ConflictReason.KEY)


def test_every_step_leaves_its_event(store):
    ours = claim(store)
    store.claims.request_permit(ours)
    store.claims.record_unknown(ours, "a timeout")
    store.claims.record_queued(ours, "call-1")
    deliver(store, "call-1")
    assert events(store, ours.id) == ["claimed", "permitted", "unknown", "queued", "completed"]
    refused, left = claim(store, "second"), claim(store, "third")
    store.claims.record_rejected(refused, "invalid_phone", "no")
    store.claims.release(left, "test")
    assert events(store, refused.id) == ["claimed", "rejected"]
    assert events(store, left.id) == ["claimed", "released"]
