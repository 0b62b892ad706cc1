"""A host is renamed for the calls of one environment and realm, and each call knows by whom."""

from __future__ import annotations

from airflow_provider_voiceinfra.store.claims.results import Conflict, ConflictReason
from airflow_provider_voiceinfra.store.models import Realm
from airflow_provider_voiceinfra.store.operations import rename_host
from tests.support.store_samples import claim, claim_request, queued

OLD, NEW = "api.voiceinfra.ai", "eu.voiceinfra.ai"


def rename(store, old=OLD, new=NEW, realm=Realm.LIVE):
    return store.hosts.rename(old, new, realm=realm, actor="ada")


def test_all_calls_at_the_host_are_renamed_whatever_the_page_and_say_so(store, monkeypatch):
    monkeypatch.setattr(rename_host, "_BATCH_SIZE", 2)
    ours = [claim(store, f"{number}") for number in range(5)]
    assert rename(store) == 5
    assert {call.host for call in store.calls.iterate()} == {NEW}
    for each in ours:
        event = store.calls.history(each.id)[-1]
        assert (event.kind, event.actor, event.detail) == ("host_renamed", "ada", {"old": OLD, "new": NEW})
    assert rename(store) == 0


def test_others_calls_stay_where_they_were(store, open_store):
    staging = open_store(environment="staging")
    theirs = claim(staging)
    elsewhere, simulated = claim(store, "2", host="us.voiceinfra.ai"), claim(store, "3", realm=Realm.SANDBOX)
    ours = claim(store, "4")
    assert rename(store) == 1
    assert store.calls.get(ours.ref).host == NEW
    assert staging.calls.get(theirs.ref).host == OLD
    assert store.calls.get(elsewhere.ref).host == "us.voiceinfra.ai"
    assert store.calls.get(simulated.ref).host == OLD


def test_a_call_that_is_being_placed_meanwhile_is_recorded(store):
    ours = claim(store)
    rename(store)
    store.claims.record_queued(ours, "call-1")
    assert store.claims.take(claim_request(host=NEW)).conflict == Conflict(ours.ref, ConflictReason.KEY)


def test_a_host_that_is_not_renamed_is_in_the_way(store):
    ours = queued(store, "call-1")
    assert store.claims.take(claim_request("call-1", host=NEW)).conflict == Conflict(ours.ref, ConflictReason.HOST)
    assert store.claims.take(claim_request("another", host=NEW)).claim
