"""The rows of a list are kept as they were read, and what became of each is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.guard.rules import Denial, Rule, Rules
from airflow_provider_voiceinfra.store.lists.call_lists import SupersededImportError
from airflow_provider_voiceinfra.store.lists.row_values import NewRow, RowState, RowStep
from airflow_provider_voiceinfra.store.models import Realm, Source
from tests.support.list_samples import TASK, row
from tests.support.store_samples import claim, claim_request, deliver, queued, rows, state

LATER = timedelta(days=1)
ADA, BOB, EVE = "+14155550101", "+14155550102", "+14155550103"


@pytest.fixture
def read(store):
    """Read rows into the list of a task; gives its id."""

    def read_rows(*new, clear=0, at_once=100):
        list_id = store.lists.open(TASK)
        import_version = store.lists.begin_import(list_id)
        for first in range(0, len(new), at_once):
            store.lists.add(list_id, new[first : first + at_once], import_version)
        store.lists.finish_import(list_id, import_version, clear)
        return list_id

    return read_rows


def counts(store, list_id):
    return {(str(state), result): count for (state, result), count in store.lists.counts(list_id).items()}


def due(store, list_id, count=100):
    return store.list_rows.due(list_id, datetime.now(UTC) + timedelta(seconds=1), count)


def test_a_task_has_one_list_whatever_is_retried_or_cleared(store, open_store):
    list_id = store.lists.open(TASK)
    assert store.lists.open(Source("dag", "another id", "run", "call", generation=3)) == list_id
    assert store.lists.open(Source("dag", "run", "run", "call", 1)) != list_id
    assert open_store(environment="staging").lists.open(TASK) != list_id
    assert store.lists.open(TASK, Realm.SANDBOX) != list_id


def test_rows_are_due_in_the_order_of_the_source(store, read):
    list_id = read(*[row(position) for position in range(1, 8)])
    assert [each.position for each in due(store, list_id, 3)] == [1, 2, 3]
    assert store.lists.is_imported(list_id, 0)
    assert not store.lists.is_imported(list_id, 1)


def priorities(store, list_id, count=100):
    now = datetime.now(UTC) + timedelta(seconds=1)
    return [each.position for each in store.list_rows.due(list_id, now, count, by_priority=True)]


def with_priorities(*priorities):
    return [replace(row(position), priority=each) for position, each in enumerate(priorities, 1)]


def test_rows_with_a_higher_priority_come_first_and_those_without_one_last(store, read):
    list_id = read(*with_priorities(None, 1, 2.5, -3, 2.5, None, 10**30))
    assert priorities(store, list_id) == [7, 3, 5, 2, 4, 1, 6]
    assert [priorities(store, list_id, count) for count in (2, 6)] == [[7, 3], [7, 3, 5, 2, 4, 1]]
    assert [each.position for each in due(store, list_id)] == [1, 2, 3, 4, 5, 6, 7]


def test_a_row_that_waits_comes_once_it_is_due_by_its_priority(store, read):
    list_id = read(*with_priorities(1, 3, 2))
    urgent, now = due(store, list_id)[1], datetime.now(UTC)
    store.list_rows.wait(urgent, LATER + now)
    assert priorities(store, list_id) == [3, 1]
    store.list_rows.record_steps([RowStep(urgent.id, urgent.import_version, now)])
    assert priorities(store, list_id) == [2, 3, 1]
    store.list_rows.done(urgent, "already_called", "vc_1")
    assert priorities(store, list_id) == [3, 1]


def test_a_priority_that_was_changed_in_the_source_orders_the_row(store, read):
    list_id = read(*with_priorities(1, 2, 3))
    assert read(*with_priorities(9, 2, None), clear=1) == list_id
    assert priorities(store, list_id) == [1, 2, 3]


def test_what_comes_twice_is_set_aside_with_the_reason(store, read):
    same_key = [row(1, "a", "+14155550001"), row(2, "a", "+14155550002")]
    same_number = [row(3, "b", "+14155550003"), row(4, "c", "+14155550003")]
    list_id = read(*same_key, *same_number, NewRow(5, None, "", {}, {}, wrong="invalid_to_number"))
    assert counts(store, list_id) == {
        ("pending", ""): 2,
        ("set_aside", "duplicate_key"): 1,
        ("set_aside", "duplicate_number"): 1,
        ("set_aside", "invalid_to_number"): 1,
    }


def test_a_reading_that_was_cut_off_sets_nobody_aside_when_it_is_begun_again(store, read):
    list_id = store.lists.open(TASK)
    store.lists.add(list_id, [row(1, "a"), row(2, "b")], store.lists.begin_import(list_id))
    assert not store.lists.is_imported(list_id, 0)
    read(row(1, "a"), row(2, "b"), row(3, "c"))
    assert counts(store, list_id) == {("pending", ""): 3}


def test_a_try_that_wakes_while_another_one_reads_ends_and_no_row_is_lost(store):
    lists, source = store.lists, [row(position) for position in range(1, 7)]
    list_id = lists.open(TASK)
    stalled = lists.begin_import(list_id)
    lists.add(list_id, source[:2], stalled)
    newer = lists.begin_import(list_id)
    lists.add(list_id, source[:4], newer)
    with pytest.raises(SupersededImportError, match="Another try of this task reads the list vl_"):
        lists.add(list_id, source[2:4], stalled)
    with pytest.raises(SupersededImportError):
        lists.finish_import(list_id, stalled, 0)
    assert not lists.is_imported(list_id, 0)
    lists.add(list_id, source[4:], newer)
    lists.finish_import(list_id, newer, 0)
    assert counts(store, list_id) == {("pending", ""): 6}


def test_a_list_that_was_only_planned_leaves_nothing(store, read):
    list_id = read(row(1), row(2))
    store.lists.discard(list_id)
    assert not rows(store, schema.call_list_row)
    assert not rows(store, schema.call_list)


def test_reading_again_keeps_who_was_called_and_drops_who_is_gone(store, read):
    list_id = read(row(1, "a", name="old"), row(2, "b"), row(3, "c"), NewRow(4, None, "", {}, {}, wrong="bad"))
    called, *_ = due(store, list_id)
    queued(store, "call-1")
    store.list_rows.called(called, store.calls.get("call-1").ref)
    assert read(row(1, "a", name="new"), row(2, "b", name="new"), row(4, "d"), clear=1) == list_id
    assert counts(store, list_id) == {("open", ""): 1, ("pending", ""): 2, ("dropped", ""): 1}
    assert {each.key: each.fields for each in due(store, list_id)} == {"b": {"name": "new"}, "d": {}}
    # Who is back is called after all.
    read(row(3, "c"), clear=2)
    assert [each.key for each in due(store, list_id)] == ["c"]


def numbers(store, list_id):
    return {each.key: each.to_number for each in due(store, list_id)}


def test_a_number_that_was_fixed_in_the_source_is_called_and_the_old_one_is_not(store, read):
    list_id = read(row(1, "a", ADA))
    read(row(1, "a", BOB), clear=1)
    assert numbers(store, list_id) == {"a": BOB}


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_numbers_that_were_mixed_up_change_places(store, read, at_once):
    list_id = read(row(1, "a", ADA), row(2, "b", BOB), row(3, "c", EVE))
    read(row(1, "a", BOB), row(2, "b", EVE), row(3, "c", ADA), clear=1, at_once=at_once)
    assert numbers(store, list_id) == {"a": BOB, "b": EVE, "c": ADA}
    assert counts(store, list_id) == {("pending", ""): 3}


@pytest.mark.parametrize("at_once", [1, 2])
def test_who_is_booked_again_under_another_key_is_called(store, read, at_once):
    list_id = read(row(1, "a", ADA), row(2, "b", BOB))
    read(row(1, "b", BOB), row(2, "c", ADA), clear=1, at_once=at_once)
    assert numbers(store, list_id) == {"b": BOB, "c": ADA}
    assert counts(store, list_id) == {("pending", ""): 2, ("dropped", ""): 1}
    # And under the first one after all.
    read(row(1, "a", ADA), row(2, "b", BOB), clear=2, at_once=at_once)
    assert numbers(store, list_id) == {"a": ADA, "b": BOB}


@pytest.mark.parametrize("at_once", [1, 2])
def test_a_number_that_comes_twice_is_called_once_whoever_had_it_before(store, read, at_once):
    list_id = read(row(1, "a", ADA), row(2, "b", BOB))
    read(row(1, "a", BOB), row(2, "b", BOB), clear=1, at_once=at_once)
    assert numbers(store, list_id) == {"a": BOB}
    assert counts(store, list_id)["set_aside", "duplicate_number"] == 1


def test_a_row_that_is_no_good_any_more_is_not_called_and_leaves_its_number(store, read):
    list_id = read(row(1, "a", ADA))
    read(NewRow(1, None, "", {}, {}, wrong="invalid_to_number"), row(2, "b", ADA), clear=1)
    assert numbers(store, list_id) == {"b": ADA}


def test_what_a_reading_took_that_was_cut_off_keeps_nobody_from_being_called(store, read):
    list_id = store.lists.open(TASK)
    store.lists.add(list_id, [row(1, "a", ADA), row(2, "b", BOB)], store.lists.begin_import(list_id))
    read(row(1, "c", ADA), row(2, "a", BOB), at_once=1)
    assert numbers(store, list_id) == {"c": ADA, "a": BOB}


@pytest.mark.parametrize("result", [None, "answered"])
def test_a_row_that_was_dialled_keeps_its_number_and_nobody_else_is_called_there(store, read, result):
    list_id = read(row(1, "a", ADA))
    [called] = due(store, list_id)
    ref = queued(store, "call-1", to_number=ADA).ref
    store.list_rows.called(called, ref)
    if result is not None:
        store.list_rows.done(called, result, ref)
    read(row(1, "a", BOB), row(2, "b", ADA), clear=1)
    assert numbers(store, list_id) == {}
    assert counts(store, list_id)["set_aside", "duplicate_number"] == 1
    assert [each.to_number for each in rows(store, schema.call_list_row) if each.call_ref == ref] == [ADA]


def reject(store, row):
    """VoiceInfra refuses the call of a row; gives its ref."""
    ref = claim(store, row.key, to_number=row.to_number, list_row=row.id).ref
    store.list_rows.done(row, "rejected", ref)
    return ref


def cancel(store, scope, name):
    store.pauses.pause(scope, name, reason="wrong list", actor="circuit_breaker")
    store.pauses.resume(scope, name, actor="ada", cancel=True)


def test_whom_voiceinfra_refused_to_call_is_asked_for_again_as_it_reads_now(store, read):
    list_id = read(row(1, "a", ADA), row(2, "b", BOB))
    for each in due(store, list_id):
        reject(store, each)
    read(row(1, "a", EVE), row(2, "c", BOB), clear=1)
    assert numbers(store, list_id) == {"a": EVE, "c": BOB}
    assert counts(store, list_id) == {("pending", ""): 2, ("dropped", "rejected"): 1}


@pytest.mark.parametrize("result", ["cancelled", "given_up", "suppressed", "do_not_call", "expired", "already_called"])
def test_what_ended_in_another_way_stays_so(store, read, result):
    list_id = read(row(1, "a", ADA))
    [each] = due(store, list_id)
    store.list_rows.done(each, result, "vc_1")
    read(row(1, "a", BOB), row(2, "b", ADA), clear=1)
    assert numbers(store, list_id) == {}


@pytest.mark.parametrize("scope", [Scope.LIST, Scope.DAG, Scope.ALL, Scope.AGENT])
def test_of_a_list_that_a_person_has_cancelled_nobody_is_asked_for_again(store, read, scope):
    list_id = read(row(1, "a", ADA), row(2, "b", BOB))
    reject(store, due(store, list_id)[0])
    cancel(store, scope, {Scope.LIST: list_id, Scope.DAG: TASK.dag_id, Scope.AGENT: "agent", Scope.ALL: ""}[scope])
    read(row(1, "a", ADA), clear=1)
    assert counts(store, list_id)["done", "rejected"] == 1


@pytest.mark.parametrize(("scope", "name"), [(Scope.LIST, "vl_other"), (Scope.DAG, "other")])
def test_another_lists_end_is_not_its_own(store, read, scope, name):
    list_id = read(row(1, "a", ADA))
    reject(store, due(store, list_id)[0])
    cancel(store, scope, name)
    read(row(1, "a", ADA), clear=1)
    assert numbers(store, list_id) == {"a": ADA}


def test_what_was_cancelled_in_a_workers_hands_stays_so_when_it_is_read_again(store, read):
    list_id = read(row(1, "a", ADA))
    [each] = due(store, list_id)
    cancel(store, Scope.LIST, list_id)
    # What waits for its hours besides is told so when they open.
    store.list_rows.wait(each, datetime.now(UTC))
    read(row(1, "a", BOB), clear=1)
    assert [(each.result, each.to_number) for each in rows(store, schema.call_list_row)] == [("cancelled", ADA)]


@pytest.mark.parametrize("late", ["done", "wait", "called", "go_on"])
def test_a_try_that_wakes_when_the_list_was_read_again_changes_nothing(store, read, late):
    list_id = read(row(1, "a", ADA))
    [ours] = due(store, list_id)
    ref = reject(store, ours)
    read(row(1, "a", EVE), clear=1)
    before = rows(store, schema.call_list_row)
    {
        "done": lambda: store.list_rows.done(ours, "rejected", ref),
        "wait": lambda: store.list_rows.wait(ours, datetime.now(UTC)),
        "called": lambda: store.list_rows.called(ours, ref),
        "go_on": lambda: store.list_rows.record_steps([RowStep(ours.id, ours.import_version, result="rejected")]),
    }[late]()
    assert rows(store, schema.call_list_row) == before


@pytest.mark.parametrize("late", ["done", "wait", "called", "already_called"])
def test_a_try_that_wakes_when_another_one_has_redialled_a_row_changes_nothing(store, read, late):
    list_id = read(row(1, "a", ADA))
    [ours] = due(store, list_id)
    old_ref = queued(store, "call-1", to_number=ADA).ref
    store.list_rows.record_steps([RowStep(ours.id, ours.import_version, datetime.now(UTC), attempt=2)])
    store.list_rows.done(due(store, list_id)[0], "answered", "vc_2")
    before = rows(store, schema.call_list_row)
    {
        "done": lambda: store.list_rows.done(ours, "rejected", old_ref),
        "wait": lambda: store.list_rows.wait(ours, datetime.now(UTC)),
        "called": lambda: store.list_rows.called(ours, old_ref),
        "already_called": lambda: store.list_rows.already_called(ours, old_ref),
    }[late]()
    assert rows(store, schema.call_list_row) == before


def test_so_does_one_that_is_to_be_called_again(store, read):
    list_id = read(row(1, "a", ADA))
    [called] = due(store, list_id)
    store.list_rows.record_steps([RowStep(called.id, called.import_version, datetime.now(UTC), attempt=2)])
    read(row(1, "a", BOB), row(2, "b", ADA), clear=1)
    assert numbers(store, list_id) == {"a": ADA}


def test_a_call_that_has_ended_is_a_line_that_is_free(store, read):
    list_id = read(row(1), row(2))
    for number, each in enumerate(due(store, list_id)):
        claim = queued(store, f"call-{number}")
        store.list_rows.called(each, claim.ref)
    assert store.list_rows.ended_calls(list_id) == 0
    deliver(store, "call-0")
    assert store.list_rows.ended_calls(list_id) == 1
    assert [str(each.state) for each in store.list_rows.over(list_id)] == ["completed"]
    assert store.list_rows.count_open(list_id) == 2


def test_rows_that_ended_while_nobody_knew_how_go_on_where_it_is_known_by_now(store, read):
    calls = [queued(store, call_id) for call_id in ("late", "never")] + [claim(store, key) for key in ("not", "lost")]
    for ours, call_id in zip(calls, ("late", "never", None, None), strict=True):
        if call_id is not None:
            store.claims.record_overdue(call_id)
        else:
            store.claims.record_unknown(ours, "no answer")
    late, _, not_placed, _ = refs = [each.ref for each in calls]
    list_id = read(*[row(position) for position in range(1, 5)])
    for each, ref in zip(due(store, list_id), refs, strict=True):
        store.list_rows.done(each, state(store, ref), ref)
    store.list_rows.reopen(list_id)
    assert counts(store, list_id) == {("done", "overdue"): 2, ("done", "unknown"): 2}
    deliver(store, "late")
    store.resolutions.not_placed(not_placed, actor="ada")
    store.list_rows.reopen(list_id)
    assert counts(store, list_id) == {("done", "overdue"): 1, ("done", "unknown"): 1, ("open", ""): 2}
    assert {each.ref for each in store.list_rows.over(list_id)} == {late, not_placed}


def test_the_call_of_a_row_that_is_given_up_waits_no_longer(store, read):
    list_id = read(row(1))
    [it] = due(store, list_id)
    closed = Rules(by_time=lambda now: Denial(Rule.CALLING_HOURS, now + timedelta(days=1)))
    waiting = store.claims.take(claim_request("key", list_row=it.id, rules=closed)).denied.ref
    assert state(store, waiting) == "waiting"
    assert store.list_rows.give_up(list_id) == 1
    assert (counts(store, list_id), state(store, waiting)) == ({("done", "given_up"): 1}, "released")
    assert store.claims.take(claim_request("key")).claim


def test_purging_leaves_only_rows_that_are_to_be_called_or_whose_call_goes_on(store, read):
    list_id = read(*[row(position) for position in range(1, 6)], row(6, number=ADA), row(7, number=ADA))
    ended, going_on, again, *_ = due(store, list_id)
    store.list_rows.done(ended, "answered", queued(store, "call-1").ref)
    store.list_rows.called(going_on, queued(store, "call-2").ref)
    store.list_rows.record_steps([RowStep(again.id, again.import_version, datetime.now(UTC), attempt=2)])
    read(*[row(position) for position in range(1, 5)], clear=1)
    store.retention.purge(datetime.now(UTC) + LATER)
    left = [(each.position, each.state) for each in rows(store, schema.call_list_row)]
    assert left == [(2, RowState.OPEN), (3, RowState.PENDING), (4, RowState.PENDING)]
    # A list that nobody lets go on is cancelled.
    store.pauses.pause(Scope.LIST, list_id, reason="it is last year's", actor="ada")
    store.pauses.resume(Scope.LIST, list_id, actor="ada", cancel=True)
    store.retention.purge(datetime.now(UTC) + LATER)
    assert [each.position for each in rows(store, schema.call_list_row)] == [2]


def test_erasing_a_person_takes_her_off_a_list_that_is_still_to_be_called(store, read):
    list_id = read(row(1, number=ADA), row(2, number=BOB))
    store.retention.erase(ADA)
    assert ADA not in str(rows(store, schema.call_list_row))
    assert [each.to_number for each in due(store, list_id)] == [BOB]
