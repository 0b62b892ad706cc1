"""A connection was renamed: its open calls find their completions, its limits and pauses stay."""

from __future__ import annotations

import pytest

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.guard.rules import Rules
from airflow_provider_voiceinfra.store.models import DeliveryResult
from airflow_provider_voiceinfra.store.operations import rename_connection
from airflow_provider_voiceinfra.store.operations.rename_connection import Moved, Unserved
from tests.support.store_samples import (
    CONN,
    claim,
    claim_request,
    deliver,
    events,
    queued,
    rows,
    started,
    state,
    unknown,
)

NEW = "voiceinfra_eu"


def rename(store):
    return store.connections.rename(CONN, NEW, actor="ada")


def test_open_calls_end_by_the_webhook_of_the_new_name(store):
    ours, lost = queued(store, "call-1"), unknown(store, "lost")
    assert rename(store) == Moved(2, 0)
    deliver(store, "call-1", conn=NEW)
    deliver(store, "call-2", conn=NEW, **started())
    assert [state(store, each.ref) for each in (ours, lost)] == ["completed", "completed"]
    assert "connection_renamed" in events(store, ours.id)


def test_so_do_those_whose_completions_have_come_before_anybody_noticed(store):
    ours, lost = queued(store, "call-1"), unknown(store, "lost")
    deliver(store, "call-1", conn=NEW, summary="yes")
    deliver(store, "call-2", conn=NEW, **started())
    assert [state(store, each.ref) for each in (ours, lost)] == ["queued", "unknown"]
    assert rename(store) == Moved(2, 2)
    assert store.calls.get(ours.ref).completion.summary == "yes"
    assert store.completions.outcomes(["call-1", "call-2"]) == {"call-1": "answered", "call-2": "answered"}
    assert rename(store) == Moved(0, 0)


def test_a_call_that_is_being_placed_meanwhile_ends_by_the_new_name_too(store):
    ours = claim(store)
    assert store.claims.request_permit(ours).permit
    rename(store)
    store.claims.record_queued(ours, "call-1")
    deliver(store, "call-1", conn=NEW)
    assert state(store, ours.ref) == "completed"


def test_a_redelivery_by_the_new_name_changes_nothing_and_is_nobody_elses_call(store):
    queued(store, "call-1")
    deliver(store, "call-1")
    rename(store)
    assert deliver(store, "call-1", conn=NEW) is DeliveryResult.DUPLICATE
    assert len(rows(store, schema.completion)) == 1


def test_what_came_by_both_names_is_kept_and_ends_nothing_twice(store):
    ours = queued(store, "call-1")
    deliver(store, "call-1", summary="first")
    deliver(store, "call-1", conn=NEW, summary="second")
    rename(store)
    assert store.calls.get(ours.ref).completion.summary == "first"
    assert len(rows(store, schema.completion)) == 2


def test_calls_of_other_connections_and_environments_keep_theirs(store, open_store):
    queued(store, "call-1", webhook_conn_id="other", conn_id="other")
    staging = open_store(environment="staging")
    theirs = queued(staging, "call-2")
    assert rename(store) == Moved(0, 0)
    deliver(staging, "call-2")
    assert state(staging, theirs.ref) == "completed"


def test_a_pause_of_the_connection_still_stops_calls(store):
    store.pauses.pause(Scope.CONNECTION, CONN, reason="stop", actor="ada")
    rename(store)
    assert [(each.scope, each.name) for each in store.pauses.in_force()] == [(Scope.CONNECTION, NEW)]


@pytest.mark.parametrize("rules", [Rules(max_calls_per_day=3), Rules(max_in_flight=3)])
def test_what_was_used_of_a_limit_stays_used(store, rules):
    for number in range(2):
        assert store.claims.take(claim_request(f"old {number}", rules=rules)).claim
    assert store.claims.take(claim_request("new", conn_id=NEW, webhook_conn_id=NEW, rules=rules)).claim
    rename(store)
    denied = store.claims.take(claim_request("too many", conn_id=NEW, webhook_conn_id=NEW, rules=rules)).denied
    assert denied.denial.facts == {"limit": "3"}


def test_many_calls_are_moved_in_small_steps(store, monkeypatch):
    monkeypatch.setattr(rename_connection, "_BATCH_SIZE", 2)
    for number in range(5):
        queued(store, f"call-{number}")
        deliver(store, f"call-{number}", conn=NEW)
    assert rename(store) == Moved(5, 5)


def test_open_calls_without_a_webhook_are_found_with_the_remedy(store, open_store):
    assert store.connections.without_webhook([NEW]) == []
    queued(store, "call-1")
    unknown(store, "lost")
    queued(open_store(environment="staging"), "call-2")
    ended = queued(store, "call-3")
    deliver(store, "call-3")
    found = store.connections.without_webhook([NEW])
    assert found == [Unserved("default", CONN, 2), Unserved("staging", CONN, 1)]
    assert f"rename-connection {CONN} NEW" in found[0].describe([NEW])
    assert store.connections.without_webhook([NEW, CONN]) == []
    assert ended
