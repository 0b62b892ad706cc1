"""When a row's call expires, whatever way a warehouse writes it; what cannot be read is set aside."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_voiceinfra.guard.calling_hours import CallingHours
from airflow_provider_voiceinfra.guard.limits import Limits
from airflow_provider_voiceinfra.lists.column_mapping import ColumnMapping
from airflow_provider_voiceinfra.lists.source_rows import CallDefaults
from tests.support.call_samples import account
from tests.support.data_frames import Scalar, Timestamp

CHICAGO, TOLL_FREE = "+13125550100", "+18002345678"
TWO_ZONES = "+14235550100"
HOURS = "mon-fri 09:00-17:00 Europe/Berlin"
NAIVE = datetime.fromisoformat("2026-07-01T15:00")
NAIVE_MAX = datetime.max.replace(tzinfo=UTC).replace(tzinfo=None)
NAIVE_MIN = datetime.min.replace(tzinfo=UTC).replace(tzinfo=None)
DAY = date(2026, 7, 1)
EAST = timezone(timedelta(hours=14))


def read(not_after, to_number=CHICAGO, *, hours=None, connection_hours=None, **row):
    limits = Limits(calling_hours=connection_hours and CallingHours.of(connection_hours))
    template = CallDefaults(account(limits=limits), "reminders", calling_hours=CallingHours.of(hours))
    new = template.read(1, {"to_number": to_number, "not_after": not_after, **row}, ColumnMapping(are_typed=True))
    until = new.fields.get("not_after")
    return new.wrong if new.wrong else until and datetime.fromisoformat(until)


def end_of(day, zone):
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) + timedelta(days=1, microseconds=-1)


@pytest.mark.parametrize("day", [DAY, "2026-07-01", " 20260701 "])
@pytest.mark.parametrize(
    ("number", "fields", "zone"),
    [
        (CHICAGO, {"timezone": "Asia/Tokyo", "hours": HOURS}, "Asia/Tokyo"),
        (CHICAGO, {"hours": HOURS}, "America/Chicago"),
        (TWO_ZONES, {}, "America/New_York"),
        (TOLL_FREE, {"hours": HOURS}, "Europe/Berlin"),
        (TOLL_FREE, {"connection_hours": "mon-fri 09:00-17:00 Asia/Dubai"}, "Asia/Dubai"),
    ],
)
def test_a_date_is_the_end_of_that_day_where_the_callee_is(day, number, fields, zone):
    assert read(day, number, **fields) == end_of(DAY, zone)


def test_where_no_zone_is_known_a_date_is_set_aside():
    assert read(DAY, TOLL_FREE) == read("2026-07-01", TOLL_FREE) == "invalid_not_after"
    assert read(datetime(2026, 7, 1, tzinfo=UTC), TOLL_FREE) == datetime(2026, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "infinity",
        "Infinity",
        " infinity ",
        "10000-01-01 13:59:59+14",
        NAIVE_MAX,
        datetime.max.replace(tzinfo=EAST),
        date.max,
        "9999-12-31",
        "9999-12-31T23:59:59-12:00",
    ],
)
def test_infinity_and_the_years_that_stand_for_it_never_come(value):
    assert read(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "-infinity",
        "44-03-15 BC",
        "12000-01-01 BC",
        "tomorrow",
        "2026-11-23 15:00",
        "2026-02-30",
        NAIVE_MIN,
        datetime.min.replace(tzinfo=EAST),
        date.min,
        "0001-01-01",
        date(1899, 12, 30),
        20260701,
        1_795_000_000.0,
        timedelta(days=1),
        datetime.min.time(),
    ],
)
def test_what_cannot_be_read_or_stands_for_no_time_is_set_aside(value):
    assert read(value) == "invalid_not_after"


@pytest.mark.parametrize(
    "value",
    [
        NAIVE,
        NAIVE.replace(tzinfo=UTC),
        "2026-07-01T15:00Z",
        Timestamp.fromisoformat("2026-07-01T15:00"),
        Scalar(NAIVE, "M"),
    ],
)
def test_a_time_is_that_time_and_without_a_zone_utc(value):
    assert read(value) == datetime(2026, 7, 1, 15, tzinfo=UTC)
