"""When a list will be done is forecast from its lines, pace, hours and limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_voiceinfra.guard.calling_hours import CallingHours
from airflow_provider_voiceinfra.guard.constraints import CallConstraints, rules_for
from airflow_provider_voiceinfra.guard.limits import Limits
from airflow_provider_voiceinfra.lists.forecast import Capacity, RowGroup, forecast_list
from airflow_provider_voiceinfra.lists.row_groups import RowGroups
from airflow_provider_voiceinfra.store.guard.rules import Rules

# A Tuesday.
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ALWAYS = Rules()
# Ten calls a minute.
CAPACITY = {"lines": 10, "call_seconds": 60}


def forecast(*groups, now=NOON, **capacity):
    return forecast_list(groups, Capacity(**(CAPACITY | capacity)), now)


def rows(count, due_at=NOON, rules=ALWAYS):
    return RowGroup(count, due_at, rules)


def hours(text, timezone="UTC", not_after=None, number="+14155550100"):
    return rules_for(Limits(), CallConstraints(CallingHours.parse(text), timezone, None, not_after), number)


def about(at, wanted):
    return abs(at - wanted) < timedelta(seconds=2)


@pytest.mark.parametrize(
    ("capacity", "took"),
    [
        ({}, 10 * MINUTE),
        ({"lines": 100}, 1 * MINUTE),
        ({"call_seconds": 120}, 20 * MINUTE),
        ({"calls_per_second": 0.1}, 1000 * timedelta(seconds=1)),
    ],
)
def test_lines_length_and_pace_say_how_fast_it_is(capacity, took):
    found = forecast(rows(100), **capacity)
    length = timedelta(seconds=capacity.get("call_seconds", 60))
    assert about(found.done_at, NOON + took + length)
    assert found.not_called == 0


@pytest.mark.parametrize(("zone", "midnight"), [("UTC", 24), ("America/New_York", 29)])
def test_a_limit_per_day_spreads_it_over_days_of_the_connections_zone(zone, midnight):
    found = forecast(rows(250), calls_per_day=100, left_today=40, days_of=ZoneInfo(zone))
    third_day = NOON.replace(hour=0) + midnight * HOUR + 2 * DAY
    assert about(found.done_at, third_day + MINUTE + MINUTE)


def test_outside_calling_hours_it_waits_and_over_a_weekend_too():
    rules = hours("mon-fri 09:00-13:00")
    # 600 on Tuesday, from noon on; 2,400 on each of the other days.
    found = forecast(rows(600 + 3 * 2_400 + 600, rules=rules))
    assert about(found.done_at, datetime(2026, 11, 30, 10, tzinfo=UTC) + MINUTE)


def test_callees_of_two_time_zones_share_the_lines():
    east, west = hours("mon-sun 08:00-09:00", "America/New_York"), hours("mon-sun 08:00-09:00", "America/Los_Angeles")
    found = forecast(rows(600, rules=east), rows(600, rules=west))
    # New York opens at 13:00 UTC, Los Angeles at 16:00.
    assert about(found.done_at, NOON.replace(hour=17) + MINUTE)
    assert found.not_called == 0


def test_rows_that_expire_before_there_is_a_line_will_not_be_called():
    rules = hours("mon-sun 09:00-18:00", not_after=NOON + 30 * MINUTE)
    found = forecast(rows(1_000, rules=rules), rows(10, due_at=NOON + HOUR))
    assert found.not_called == 700
    assert about(found.done_at, NOON + HOUR + MINUTE + MINUTE)


def test_once_its_minutes_are_talked_the_others_will_not_be_called():
    found = forecast(rows(100), left_in_all=30)
    assert (found.not_called, about(found.done_at, NOON + 4 * MINUTE)) == (70, True)


def test_where_nobody_can_be_called_there_is_no_end():
    assert forecast() == forecast_list([], Capacity(**CAPACITY), NOON)
    found = forecast(rows(5, rules=hours("mon-sun 09:00-10:00", not_after=NOON + HOUR)))
    assert (found.done_at, found.not_called) == (None, 5)


def test_many_rows_are_a_few_groups_and_a_sample_stands_for_all():
    groups = RowGroups(NOON)
    rules = [hours("mon-sun 08:00-09:00", zone) for zone in ("America/New_York", "America/Los_Angeles")]
    for number in range(100):
        groups.add(rules[number % 2])
    assert sorted(group.count for group in groups.scaled_to(1_000)) == [500, 500]
    assert sum(group.count for group in groups.scaled_to()) == 100


def test_thousands_of_rows_that_each_expire_at_another_minute_open_once_a_day_and_not_at_each_step(monkeypatch):
    groups, looks, opening = RowGroups(NOON), [], RowGroup.next_opening
    for number in range(5_000):
        groups.add(hours("mon-sun 09:00-18:00", not_after=NOON + HOUR + number * MINUTE))
    monkeypatch.setattr(RowGroup, "next_opening", lambda *given: looks.append(given) or opening(*given))
    found = forecast_list(groups.scaled_to(), Capacity(**CAPACITY), NOON)
    assert found.not_called < 5_000
    # 84 hours, of four days.
    assert len(looks) <= 85 * 5
