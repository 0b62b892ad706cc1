"""The rows of a list are kept as they were read, and what became of each is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_voiceinfra.store import tables
from airflow_provider_voiceinfra.store.list_rows import NewRow, RowState
from airflow_provider_voiceinfra.store.records import Source
from tests.unit.store.samples import NUMBER, deliver, queued, rows

TASK = Source("dag", "run", "run", "call")
LATER = timedelta(days=1)


def row(position, key=None, number=None, **fields):
    return NewRow(position, key, number or f"+1415555{position:04}", fields, {"id": position})


@pytest.fixture
def read(store):
    """Read rows into the list of a task; gives its id."""

    def read_rows(*new, clear=0):
        list_id = store.lists.open(TASK)
        reading = store.lists.begin_reading(list_id)
        store.lists.add(list_id, new, reading)
        store.lists.finish_reading(list_id, reading, clear)
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


def test_rows_are_due_in_the_order_of_the_source(store, read):
    list_id = read(*[row(position) for position in range(1, 8)])
    assert [each.position for each in due(store, list_id, 3)] == [1, 2, 3]
    assert store.lists.is_read(list_id, 0)
    assert not store.lists.is_read(list_id, 1)


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
    store.lists.add(list_id, [row(1, "a"), row(2, "b")], store.lists.begin_reading(list_id))
    assert not store.lists.is_read(list_id, 0)
    read(row(1, "a"), row(2, "b"), row(3, "c"))
    assert counts(store, list_id) == {("pending", ""): 3}


def test_a_list_that_was_only_planned_leaves_nothing(store, read):
    list_id = read(row(1), row(2))
    store.lists.discard(list_id)
    assert not rows(store, tables.call_list_row)
    assert not rows(store, tables.call_list)


def test_reading_again_keeps_who_was_called_and_drops_who_is_gone(store, read):
    list_id = read(row(1, "a", name="old"), row(2, "b"), row(3, "c"), NewRow(4, None, "", {}, {}, wrong="bad"))
    called, *_ = due(store, list_id)
    queued(store, "call-1")
    store.list_rows.called(called.id, store.calls.get("call-1").ref)
    assert read(row(1, "a", name="new"), row(2, "b", name="new"), row(4, "d"), clear=1) == list_id
    assert counts(store, list_id) == {("open", ""): 1, ("pending", ""): 2, ("dropped", ""): 1}
    assert {each.key: each.fields for each in due(store, list_id)} == {"b": {"name": "new"}, "d": {}}
    # Who is back is called after all.
    read(row(3, "c"), clear=2)
    assert [each.key for each in due(store, list_id)] == ["c"]


def test_a_call_that_has_ended_is_a_line_that_is_free(store, read):
    list_id = read(row(1), row(2))
    for number, each in enumerate(due(store, list_id)):
        claim = queued(store, f"call-{number}")
        store.list_rows.called(each.id, claim.ref)
    assert store.list_rows.ended_calls(list_id) == 0
    deliver(store, "call-0")
    assert store.list_rows.ended_calls(list_id) == 1
    assert [str(each.state) for each in store.list_rows.over(list_id)] == ["completed"]
    assert store.list_rows.count_open(list_id) == 2


def test_purging_and_erasing_leave_no_row_of_a_person(store, read):
    list_id = read(row(1, number=NUMBER), row(2), row(3))
    open_row, *_ = due(store, list_id)[1:]
    store.list_rows.called(open_row.id, queued(store, "call-1", to_number="+14155550177").ref)
    store.retention.erase(NUMBER)
    assert NUMBER not in str(rows(store, tables.call_list_row))
    store.retention.purge(datetime.now(UTC) + LATER)
    assert [each.state for each in rows(store, tables.call_list_row)] == [RowState.OPEN]
