"""Each call is given once to those who keep results elsewhere: of a list, or what has changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.lists.call_lists import NewRow
from airflow_provider_voiceinfra.store.models import Realm, Source
from airflow_provider_voiceinfra.store.reads import attempts
from tests.support.list_samples import LIST, LONG_AGO, let_events_be, refs
from tests.support.store_samples import claim, deliver, queued


def changed(store, since=None):
    return refs(store.attempts.changed_since(since or datetime.now(UTC)))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
def test_the_calls_of_a_list_whatever_the_page(store, monkeypatch, count):
    monkeypatch.setattr(attempts, "_PAGE", 2)
    list_id = store.lists.open(LIST)
    ours = [claim(store, f"key-{number}", list_id=list_id).ref for number in range(count)]
    claim(store, "of nobody")
    claim(store, "of another", list_id=store.lists.open(Source("dag", "run", "run", "other")))
    assert refs(store.attempts.of_list(list_id)) == ours


def test_and_those_that_its_rows_found_placed_already(store, monkeypatch):
    monkeypatch.setattr(attempts, "_PAGE", 2)
    list_id = store.lists.open(LIST)
    placed = [claim(store, f"key-{number}", list_id="vl_of_yesterday").ref for number in range(3)]
    placed += [claim(store, "of a task").ref]
    store.lists.add(
        list_id, [NewRow(number, f"key-{number}", f"+1212555{number:04}", {}, {}) for number in range(6)], 0
    )
    for row, ref in zip(store.list_rows.due(list_id, datetime.now(UTC), 4), placed, strict=True):
        store.list_rows.done(row, "already_called", ref)
    assert sorted(refs(store.attempts.of_list(list_id))) == sorted(placed)


def test_a_list_that_is_not_here_is_no_list_without_calls(store, open_store):
    list_id = open_store(environment="staging").lists.open(LIST)
    for unknown in ("vl_none", list_id):
        with pytest.raises(StoreError, match="There is no call list vl_"):
            store.attempts.of_list(unknown)


def test_all_attempts_at_a_call_have_one_intent_which_tells_nothing(store):
    first = claim(store, "key", base_key="key")
    store.claims.release(first, "nothing was sent")
    second = claim(store, "key", base_key="key")
    other = claim(store, "another", base_key="another")
    [page] = store.attempts.changed_since(LONG_AGO)
    assert {each.call.ref: each.intent for each in page} == {
        first.ref: first.ref,
        second.ref: first.ref,
        other.ref: other.ref,
    }


def test_the_same_key_of_another_realm_or_environment_is_another_intent(store, open_store):
    claim(open_store(environment="staging"), "key")
    claim(store, "key", realm=Realm.SANDBOX, host="localhost")
    ours = claim(store, "key")
    assert ours.ref in {each.intent for page in store.attempts.changed_since(LONG_AGO) for each in page}


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
def test_what_has_changed_comes_once_whatever_the_page(store, monkeypatch, count):
    monkeypatch.setattr(attempts, "_PAGE", 2)
    ours = [queued(store, f"call-{number}") for number in range(count)]
    for number in range(0, count, 2):
        deliver(store, f"call-{number}")
    same_time = datetime.now(UTC)
    let_events_be(store, same_time, *ours)
    assert sorted(changed(store)) == sorted(each.ref for each in ours)


def test_a_call_of_long_ago_that_ends_now_has_changed(store):
    old, ends = queued(store, "call-1"), queued(store, "call-2")
    let_events_be(store, LONG_AGO, old, ends)
    deliver(store, "call-2")
    assert changed(store) == [ends.ref]
    assert sorted(changed(store, LONG_AGO)) == sorted([old.ref, ends.ref])


@pytest.mark.parametrize(
    "change",
    [
        lambda store, ours: store.claims.record_queued(ours, "call-1"),
        lambda store, ours: store.claims.record_rejected(ours, "invalid_phone", "reason"),
        lambda store, ours: store.claims.record_unknown(ours, "timeout"),
        lambda store, ours: store.claims.release(ours, "reason"),
    ],
    ids=["queued", "rejected", "unknown", "released"],
)
def test_every_step_is_a_change(store, change):
    ours = claim(store)
    let_events_be(store, LONG_AGO, ours)
    change(store, ours)
    assert changed(store) == [ours.ref]


def test_so_are_those_of_an_overdue_and_of_a_resolved_call(store):
    overdue, resolved = queued(store, "call-1"), claim(store)
    store.claims.record_unknown(resolved, "timeout")
    let_events_be(store, LONG_AGO, overdue, resolved)
    store.claims.record_overdue("call-1")
    store.resolutions.not_placed(resolved.ref, actor="ada")
    assert changed(store) == [overdue.ref, resolved.ref]


def test_what_was_committed_late_is_found_by_looking_back(store):
    late, older = queued(store, "call-1"), queued(store, "call-2")
    let_events_be(store, datetime.now(UTC) - attempts.MARGIN + timedelta(minutes=1), late)
    let_events_be(store, datetime.now(UTC) - attempts.MARGIN - timedelta(minutes=1), older)
    assert changed(store) == [late.ref]


def test_other_environments_calls_are_not_seen(store, open_store):
    claim(open_store(environment="staging"))
    assert changed(store) == []


def test_a_busy_store_comes_to_an_end(store, monkeypatch):
    monkeypatch.setattr(attempts, "_PAGE", 1)
    ours = [claim(store, f"key-{number}").ref for number in range(3)]
    found = []
    for page in store.attempts.changed_since(LONG_AGO):
        found += [attempt.call.ref for attempt in page]
        claim(store, f"later-{len(found)}")
        assert len(found) <= 3
    assert found == ours


def test_what_changes_while_it_is_read_comes_all_the_same(store, monkeypatch):
    monkeypatch.setattr(attempts, "_PAGE", 1)
    ours = [queued(store, f"call-{number}").ref for number in range(2)]
    pages = store.attempts.changed_since(LONG_AGO)
    found = refs([next(pages)])
    deliver(store, "call-1")
    assert found + refs(pages) == ours
