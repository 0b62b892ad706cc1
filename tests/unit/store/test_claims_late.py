"""Claims whose owner is late or gone, and answers that come after all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.race import in_threads
from tests.support.store_samples import claim, deliver, events, make_old, state


def test_an_old_claim_is_marked_unknown_by_whoever_meets_it(store, open_store):
    ours = claim(store)
    make_old(store, ours)
    open_store().claims.expire(ours.ref)
    assert state(store, ours.ref) == "unknown"


def test_an_old_claim_that_never_had_a_permit_gives_its_key_up(store):
    ours = claim(store)
    make_old(store, ours, permits=0)
    store.claims.expire(ours.ref)
    assert state(store, ours.ref) == "released"
    assert not store.claims.request_permit(ours).permit
    claim(store)


def test_a_young_claim_is_left_alone(store):
    ours = claim(store)
    store.claims.expire(ours.ref)
    assert state(store, ours.ref) == "claimed"


def test_a_claim_expires_once_and_only_while_it_is_one(store):
    ours = claim(store)
    make_old(store, ours)
    in_threads(*[lambda: store.claims.expire(ours.ref)] * 4)
    assert events(store, ours.id) == ["claimed", "unknown"]
    store.claims.record_queued(ours, "call-1")
    store.claims.expire(ours.ref)
    assert state(store, ours.ref) == "queued"


@pytest.mark.parametrize(
    ("answer", "after"),
    [
        (lambda claims, ours: claims.record_queued(ours, "call-1"), "queued"),
        (lambda claims, ours: claims.record_rejected(ours, "invalid_phone", "no"), "rejected"),
    ],
    ids=["queued", "rejected"],
)
def test_the_owners_late_answer_counts_after_all(store, answer, after):
    ours = claim(store)
    make_old(store, ours)
    store.claims.expire(ours.ref)
    answer(store.claims, ours)
    assert state(store, ours.ref) == after


def test_a_stranger_records_no_answer(store):
    ours = claim(store)
    stranger = replace(ours, owner="somebody else")
    store.claims.record_queued(stranger, "call-1")
    store.claims.record_rejected(stranger, "invalid_phone", "no")
    store.claims.record_unknown(stranger, "test")
    assert state(store, ours.ref) == "claimed"
    assert events(store, ours.id) == ["claimed"]


def test_recording_an_answer_twice_is_recording_it_once(store):
    ours = claim(store)
    store.claims.record_queued(ours, "call-1")
    deliver(store, "call-1")
    store.claims.record_queued(ours, "call-1")
    assert state(store, ours.ref) == "completed"
