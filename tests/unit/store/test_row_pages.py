"""The rows of a list are read page by page, and found by their key or number."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_voiceinfra.store.lists import row_pages
from airflow_provider_voiceinfra.store.lists.row_values import NewRow, RowState, RowStep
from tests.support.list_samples import TASK, row


@pytest.fixture
def add(store):
    """Import rows into the list of a task."""

    def imported(*rows):
        list_id = store.lists.open(TASK)
        store.lists.add(list_id, rows, store.lists.begin_import(list_id))
        return list_id

    return imported


def pages(store, list_id, state, **which):
    """Read all pages; return the positions of the rows on each."""
    page = store.row_pages.page(list_id, state, **which)
    found = [[each.position for each in page.rows]]
    while page.last is not None:
        page = store.row_pages.page(list_id, state, after=page.last, **which)
        found.append([each.position for each in page.rows])
    return found


def found(store, list_id, key, number=None):
    return sorted(each.position for each in store.row_pages.find(list_id, key, number))


def test_pages_follow_each_other_without_gaps_though_rows_are_due_at_once(store, add, monkeypatch):
    monkeypatch.setattr(row_pages, "PAGE", 2)
    list_id = add(*(row(number) for number in range(1, 6)))
    assert pages(store, list_id, RowState.PENDING) == [[1, 2], [3, 4], [5]]
    first = store.list_rows.due(list_id, store.database.clock.now(), 1)[0]
    later = store.database.clock.now() + timedelta(hours=1)
    store.list_rows.record_steps([RowStep(first.id, first.import_version, later, 2)])
    assert pages(store, list_id, RowState.PENDING) == [[2, 3], [4, 5], [1]]
    assert pages(store, list_id, RowState.DONE) == [[]]


def test_rows_set_aside_are_read_by_reason(store, add):
    aside = [NewRow(2, "b", "", {}, {}, "invalid_key"), NewRow(3, "c", "", {}, {}, "too_short")]
    list_id = add(row(1, "a"), *aside)
    assert pages(store, list_id, RowState.SET_ASIDE) == [[2, 3]]
    assert pages(store, list_id, RowState.SET_ASIDE, result="too_short") == [[3]]


def test_a_row_is_found_by_its_key_or_by_any_of_its_numbers_and_by_nothing_like_them(store, add, open_store):
    one, two, three = "+14155550101", "+14155550102", "+14155550103"
    several = NewRow(3, "cy", two, {}, {}, numbers=(two, three))
    aside = NewRow(4, "dy", one, {}, {}, "invalid_timezone")
    list_id = add(row(1, "ay", one), NewRow(2, None, "+14155550105", {}, {}), several, aside, row(5, "ay"))
    assert found(store, list_id, "ay") == [1, 5]
    assert found(store, list_id, "dy") == [4]
    assert found(store, list_id, one, one) == [1, 4]
    assert found(store, list_id, two, two) == [3]
    assert found(store, list_id, three, three) == [3]
    assert found(store, list_id, "+14155550105", "+14155550105") == [2]
    for other in ("a", "AY", "%", "", "+1415555010", "+14155550104"):
        assert found(store, list_id, other, other) == []
    staging = open_store(environment="staging")
    assert staging.row_pages.find(list_id, "ay", one) == []
    assert staging.row_pages.page(list_id, RowState.PENDING).rows == []
