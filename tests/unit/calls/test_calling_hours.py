"""Calling hours are the person's own, by her clock, whatever is done to clocks; checked against another reckoning."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from dateutil import tz
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_voiceinfra.guard.calling_hours import WEEKDAYS, CallingHours

NEW_YORK, BERLIN, KATHMANDU = map(ZoneInfo, ("America/New_York", "Europe/Berlin", "Asia/Kathmandu"))
MINUTE = timedelta(minutes=1)
ALWAYS = {"days": WEEKDAYS}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-23T13:59", "2026-11-23T14:00"),  # a Monday, 08:59 in New York
        ("2026-11-23T14:00", "2026-11-23T14:00"),
        ("2026-11-23T23:59", "2026-11-23T23:59"),
        ("2026-11-24T00:00", "2026-11-24T14:00"),  # 19:00: nobody is called at the end any more
        ("2026-11-28T15:00", "2026-11-30T14:00"),  # a Saturday
        ("2026-03-07T15:00", "2026-03-09T13:00"),  # over the weekend on which summer time begins
        ("2026-10-31T15:00", "2026-11-02T14:00"),  # and ends
    ],
)
def test_they_open_by_the_persons_clock(now, opens):
    assert CallingHours().opens_at(utc(now), [NEW_YORK]) == utc(opens)


@pytest.mark.parametrize(
    ("start", "end", "now", "opens", "closes"),
    [
        # 02:00 to 03:00 is left out on 2026-03-08: hours that begin in it begin at 03:00.
        (time(2, 30), time(4), "2026-03-08T06:00", "2026-03-08T07:00", "2026-03-08T08:00"),
        # 01:00 to 02:00 comes twice on 2026-11-01: so do hours that end in it.
        (time(0, 30), time(1, 30), "2026-11-01T05:30", "2026-11-01T06:00", "2026-11-01T06:30"),
        (time(1, 30), time(3), "2026-11-01T05:30", "2026-11-01T05:30", "2026-11-01T06:00"),
    ],
)
def test_clocks_that_are_changed_in_the_middle_of_them(start, end, now, opens, closes):
    hours = CallingHours(start, end, **ALWAYS)
    assert hours.opens_at(utc(now), [NEW_YORK]) == utc(opens)
    assert hours.closes_at(utc(opens), [NEW_YORK]) == utc(closes)


def test_who_may_be_in_several_zones_is_called_when_they_are_open_in_all():
    hours = CallingHours(time(9), time(19), **ALWAYS)
    assert hours.opens_at(utc("2026-11-23T00:00"), [NEW_YORK, BERLIN]) == utc("2026-11-23T14:00")
    assert hours.closes_at(utc("2026-11-23T14:00"), [NEW_YORK, BERLIN]) == utc("2026-11-23T18:00")


def test_zones_that_are_never_open_together():
    far = [ZoneInfo("Pacific/Auckland"), ZoneInfo("America/New_York")]
    assert CallingHours(time(9), time(12)).opens_at(utc("2026-11-23T00:00"), far) is None


ZONES = (
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Australia/Lord_Howe",  # its summer is half an hour
    "Europe/Berlin",
    "Europe/London",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "UTC",
)
CHANGES = tuple(
    map(utc, ("2026-03-08T06:50", "2026-11-01T05:10", "2026-03-29T00:30", "2026-10-25T00:40", "2026-04-04T14:00",
              "2026-10-03T15:00", "2026-10-31T22:00"))
)  # fmt: skip
times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 45, 59]))
nows = st.one_of(
    st.builds(lambda minutes: utc("2026-01-01T00:00") + minutes * MINUTE, st.integers(0, 525_600)),
    st.builds(lambda change, minutes: change + minutes * MINUTE, st.sampled_from(CHANGES), st.integers(-300, 300)),
)


def by_the_minute(hours, zone_names, now, wanted):
    """The same rule once more, by another library: look at each minute, for a day and a half."""
    zones = [tz.gettz(name) for name in zone_names]
    for number in range(36 * 60):
        at = now + number * MINUTE
        clocks = [at.astimezone(zone) for zone in zones]
        is_open = all(
            hours.start <= clock.time().replace(fold=0) < hours.end and clock.strftime("%a").lower() in hours.days
            for clock in clocks
        )
        if is_open is wanted:
            return at
    return None


@given(
    edges=st.tuples(times, times).filter(lambda edges: edges[0] < edges[1]),
    days=st.sets(st.sampled_from(WEEKDAYS), min_size=1),
    names=st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True),
    now=nows,
)
@example(edges=(time(2, 30), time(4)), days=set(WEEKDAYS), names=["America/New_York"], now=utc("2026-03-08T06:00"))
@example(edges=(time(0), time(23, 59)), days={"sun"}, names=["Pacific/Apia"], now=utc("2026-11-21T09:59"))
def test_they_are_what_another_implementation_says(edges, days, names, now):
    hours, zones = CallingHours(*edges, days=tuple(days)), [ZoneInfo(name) for name in names]
    for found, wanted in ((hours.opens_at(now, zones), True), (hours.closes_at(now, zones), False)):
        expected = by_the_minute(hours, names, now, wanted)
        if expected is None:
            assert found is None or found >= now + timedelta(hours=36)
        else:
            assert found == expected


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("mon-fri 09:00-19:00", CallingHours()),
        ("mon-fri 9:00-19:00 America/New_York", CallingHours(timezone="America/New_York")),
        ("Mon,wed,SAT 10:30 - 12:00", CallingHours(time(10, 30), time(12), ("mon", "wed", "sat"))),
        ("sat-mon 09:00-10:00", CallingHours(time(9), time(10), ("sat", "sun", "mon"))),
    ],
)
def test_they_are_read_from_a_connection(text, hours):
    assert CallingHours.parse(text) == hours


@pytest.mark.parametrize(
    "text", ["", "9-19", "mon-fri", "mon-fry 09:00-19:00", "mon 19:00-09:00", "mon 09:00-25:00", "mon 09:00-10:00 Mars"]
)
def test_what_cannot_be_read_is_an_error_that_says_so(text):
    with pytest.raises(ValueError, match=r"write|hour must be|start must be"):
        CallingHours.parse(text)


@pytest.mark.parametrize(
    "fields", [{"days": "mon"}, {"days": ()}, {"days": ("Monday",)}, {"start": time(20)}, {"timezone": "Mars"}]
)
def test_hours_that_never_open_are_refused_when_the_dag_is_parsed(fields):
    with pytest.raises((TypeError, ValueError), match=r"must be|must name|write it like"):
        CallingHours(**fields)
