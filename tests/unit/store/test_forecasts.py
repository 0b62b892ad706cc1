"""What a forecast reads of a list, and what is kept of it."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.support.list_samples import TASK, row

DONE_AT = datetime(2026, 11, 24, 12, tzinfo=UTC)


def read(store, count):
    list_id = store.lists.open(TASK)
    import_version = store.lists.begin_import(list_id)
    store.lists.add(list_id, [row(position) for position in range(1, count + 1)], import_version)
    store.lists.finish_import(list_id, import_version, 0)
    return list_id


def test_a_short_list_is_read_as_a_whole_and_a_long_one_in_parts_from_everywhere(store):
    assert store.forecasts.sample(store.lists.open(TASK)) == []
    list_id = read(store, 60)
    assert [each.row.position for each in store.forecasts.sample(list_id)] == list(range(1, 61))
    list_id = read(store, 2_000)
    positions = [each.row.position for each in store.forecasts.sample(list_id)]
    assert len(set(positions)) == len(positions) == 500
    assert max(positions) > 1_800


def test_the_last_forecast_is_kept(store):
    list_id = store.lists.open(TASK)
    assert store.forecasts.get(list_id) == (None, None)
    store.forecasts.record(list_id, DONE_AT, 7)
    assert store.forecasts.get(list_id) == (DONE_AT, 7)
