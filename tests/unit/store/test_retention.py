"""Words and numbers go when they are told to; what keeps people from being called again stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.inbox import quarantine
from airflow_provider_voiceinfra.store.lists.row_values import NewRow
from airflow_provider_voiceinfra.store.models import DeliveryResult, Source
from airflow_provider_voiceinfra.store.operations import retention
from tests.support.store_samples import (
    CONN,
    NUMBER,
    SECRET,
    body,
    claim,
    claim_request,
    deliver,
    delivery,
    queued,
    rows,
)

LATER = timedelta(days=1)
OTHER = "+14155550177"


def everything(store):
    """All that is in the store, as text."""
    return "".join(str(tuple(row)) for table in schema.metadata.sorted_tables for row in rows(store, table))


def purge_all(store):
    return store.retention.purge(datetime.now(UTC) + LATER, all_environments=True)


def test_a_purged_call_keeps_its_key_state_and_call_id_and_no_word(store):
    ours = queued(store, "call-1")
    deliver(store, "call-1", summary=SECRET, recording_url="https://files/1.mp3")
    before = store.calls.get(ours.ref)
    purged = purge_all(store)
    after = store.calls.get(ours.ref)
    assert (purged.calls, purged.completions, purged.open_calls) == (1, 1, 0)
    for name in ("ref", "state", "call_id", "idempotency_key", "claimed_at", "completed_at", "source"):
        assert getattr(after, name) == getattr(before, name)
    assert after.completion.outcome == "answered"
    assert not any(word in everything(store) for word in (SECRET, NUMBER, "files/1.mp3", "appointment"))


def test_a_purged_call_is_not_placed_again(store):
    ours = queued(store, "call-1")
    deliver(store, "call-1")
    purge_all(store)
    assert store.claims.take(claim_request("call-1")).conflict.ref == ours.ref


@pytest.mark.parametrize("said", ["the same", "something else"])
def test_a_purged_call_stores_no_body_again(store, said):
    queued(store, "call-1")
    deliver(store, "call-1", summary="the same")
    purge_all(store)
    assert deliver(store, "call-1", summary=said) is DeliveryResult.DUPLICATE
    assert [row.body for row in rows(store, schema.completion)] == [b""]


LINK, SIGNED_ANEW = "https://files/1.mp3?signature=1", "https://files/1.mp3?signature=2"


@pytest.mark.parametrize("again", [{}, {"recording_url": SIGNED_ANEW}, {"summary": "something else"}])
@pytest.mark.parametrize("forget", [purge_all, lambda store: store.retention.erase(NUMBER, all_environments=True)])
@pytest.mark.parametrize("ours", [True, False], ids=["placed here", "foreign"])
def test_a_replay_brings_no_word_back_by_whichever_connection_it_comes(store, forget, again, ours):
    if ours:
        queued(store, "call-1")
    said = {"summary": "she agreed", "recording_url": LINK}
    deliver(store, "call-1", **said)
    deliver(store, "call-1", to_number="+1 415 555-0188", summary="a second truth")
    forget(store)
    for conn in (CONN, CONN, "another"):
        deliver(store, "call-1", conn=conn, **(said | again))
    assert {row.body for row in rows(store, schema.completion)} == {b""}
    assert not any(word in everything(store) for word in ("she agreed", "something else", SECRET, NUMBER, "files/1"))


def test_a_call_that_was_purged_takes_no_words_though_its_completion_is_newer(store):
    ours = queued(store, "call-1")
    deliver(store, "call-1", summary="she agreed")
    with store.database.write() as tx:
        tx.execute(sa.update(schema.call).values(claimed_at=datetime.now(UTC) - timedelta(days=100)))
    store.retention.purge(datetime.now(UTC) - timedelta(days=90))
    assert store.calls.get(ours.ref).purged_at
    deliver(store, "call-1", summary="something else")
    assert not any(word in everything(store) for word in ("she agreed", "something else", SECRET, NUMBER))


STRANGE = b'{"event": "call.started", "to_number": "%s", "recording_url": "%s"}' % (NUMBER.encode(), LINK.encode())


@pytest.mark.parametrize("forget", [purge_all, lambda store: store.retention.erase(NUMBER, all_environments=True)])
@pytest.mark.parametrize("strange", [b"{broken " + NUMBER.encode(), STRANGE])
def test_a_replay_brings_nothing_back_into_quarantine(store, forget, strange):
    store.deliveries.keep([delivery(strange)])
    (quarantined,) = store.quarantine.newest()
    assert forget(store).quarantined == 1
    for again in (strange, strange.replace(b"signature=1", b"signature=2")):
        assert store.deliveries.keep([delivery(again)]) == [DeliveryResult.DUPLICATE]
    assert (store.quarantine.newest(), store.quarantine.count()) == ([], 0)
    assert store.quarantine.body(quarantined.id) is None
    assert NUMBER not in everything(store)
    assert forget(store).quarantined == 0


def test_what_was_purged_from_quarantine_takes_no_room_and_stays_known(store, monkeypatch):
    monkeypatch.setattr(quarantine, "LIMIT", 2)
    store.deliveries.keep([delivery(b"old 1"), delivery(b"old 2")])
    purge_all(store)
    store.deliveries.keep([delivery(b"new %d" % number) for number in range(3)])
    assert [store.quarantine.body(each.id) for each in store.quarantine.newest()] == [b"new 2", b"new 1"]
    assert store.deliveries.keep([delivery(b"old 1")]) == [DeliveryResult.DUPLICATE]


def test_open_calls_are_never_touched(store):
    on_the_line, _, lost = queued(store, "call-1"), claim(store, "key-2"), claim(store, "key-3")
    store.claims.record_unknown(lost, "timeout")
    late = queued(store, "call-4")
    store.claims.record_overdue("call-4")
    before = rows(store, schema.call)
    assert purge_all(store).open_calls == 4
    assert store.retention.erase(NUMBER).open_calls == 4
    assert rows(store, schema.call) == before
    for ours, call_id in ((on_the_line, "call-1"), (late, "call-4")):
        deliver(store, call_id)
        assert store.calls.get(ours.ref).state == "completed"


@pytest.mark.parametrize("state", ["queued", "overdue"])
def test_a_call_whose_completion_is_lost_for_good_is_forgotten_and_ends_without_a_word_if_it_comes(store, state):
    ours = queued(store, "call-1")
    if state == "overdue":
        store.claims.record_overdue("call-1")
    with store.database.write() as tx:
        tx.execute(sa.update(schema.call).values(claimed_at=datetime.now(UTC) - timedelta(days=2)))
    erased = store.retention.erase(NUMBER)
    assert (erased.calls, erased.open_calls) == (1, 0)
    assert store.calls.get(ours.ref).state == state
    assert NUMBER not in everything(store)
    store.deliveries.keep([delivery(body("call-1", summary=SECRET)), delivery(body("call-1", summary="no " + SECRET))])
    assert store.calls.get(ours.ref).state == "completed"
    assert [row.body for row in rows(store, schema.completion)] == [b"", b""]
    assert NUMBER not in everything(store)


def test_only_what_is_older_goes(store):
    for call_id in ("old", "new"):
        queued(store, call_id)
        deliver(store, call_id)
    with store.database.write() as tx:
        ago = datetime.now(UTC) - timedelta(days=100)
        tx.execute(sa.update(schema.call).where(schema.call.c.call_id == "old").values(claimed_at=ago))
        tx.execute(sa.update(schema.completion).where(schema.completion.c.call_id == "old").values(received_at=ago))
    assert store.retention.purge(datetime.now(UTC) - timedelta(days=90)).calls == 1
    assert store.calls.get("old").to_number == ""
    assert store.calls.get("new").to_number == NUMBER
    assert store.calls.completion("new").transcript


def test_a_row_of_a_list_goes_with_its_call_though_the_list_has_not_looked_since(store):
    list_id = store.lists.open(Source("dag", "run", "run", "list"))
    numbers = (NUMBER, OTHER)
    new = [NewRow(at, None, number, {"context": SECRET}, {"reason": SECRET}) for at, number in enumerate(numbers)]
    store.lists.add(list_id, new, store.lists.begin_import(list_id))
    unknown = [claim(store, f"key {at}", to_number=number) for at, number in enumerate(numbers)]
    for row, ours in zip(store.list_rows.due(list_id, datetime.now(UTC), 2), unknown, strict=True):
        store.claims.record_unknown(ours, "no answer")
        store.list_rows.called(row, ours.ref)
    store.resolutions.not_placed(unknown[0].ref, actor="ada")
    purge_all(store)
    # The other one goes on: nobody knows whether it was placed.
    assert [row.call_ref for row in rows(store, schema.call_list_row)] == [unknown[1].ref]
    assert NUMBER not in everything(store)


def test_old_quarantine_goes(store):
    store.deliveries.keep([delivery(b"strange")])
    assert purge_all(store).quarantined == 1
    assert store.quarantine.newest() == []


def test_erasing_a_person_leaves_nothing_of_her_and_all_of_others(store):
    queued(store, "hers")
    deliver(store, "hers")
    deliver(store, "hers", summary="second truth")
    queued(store, "his", to_number=OTHER)
    deliver(store, "his", to_number=OTHER, summary="his words")
    deliver(store, "elsewhere")
    store.deliveries.keep([delivery(b"{broken " + NUMBER.encode()), delivery(b"{broken " + OTHER.encode())])
    erased = store.retention.erase(NUMBER, all_environments=True)
    assert (erased.calls, erased.completions, erased.quarantined) == (1, 3, 1)
    assert NUMBER not in everything(store)
    assert SECRET not in str(rows(store, schema.completion)[0])
    assert store.calls.completion("his").summary == "his words"
    assert store.calls.get("his").to_number == OTHER


def test_erasing_a_person_who_rang_herself_leaves_nothing_of_her(store):
    deliver(store, "inbound", from_number=NUMBER, to_number="+14155550188", summary=SECRET)
    deliver(store, "another", from_number=OTHER, to_number="+14155550188", summary="his words")
    assert store.retention.erase(NUMBER, all_environments=True).completions == 1
    assert SECRET not in str(rows(store, schema.completion)[0])
    assert store.calls.completion("another").summary == "his words"


def test_erasing_the_accounts_own_number_leaves_the_people_that_were_called_from_it(store):
    queued(store, "hers")
    deliver(store, "hers")
    assert store.retention.erase(store.calls.get("hers").from_number).calls == 0
    assert store.calls.get("hers").to_number == NUMBER


def test_many_rows_go_in_small_steps(store, monkeypatch):
    monkeypatch.setattr(retention, "_BATCH_SIZE", 2)
    store.deliveries.keep([delivery(body(f"call-{number}")) for number in range(7)])
    assert purge_all(store).completions == 7
    assert purge_all(store).completions == 0
