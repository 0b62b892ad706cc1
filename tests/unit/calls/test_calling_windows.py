"""Windows, closed days and public holidays, compared minute by minute with another implementation."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import holidays
import pytest
from dateutil import tz
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_voiceinfra.errors import InvalidCallError
from airflow_provider_voiceinfra.guard import public_holidays
from airflow_provider_voiceinfra.guard.constraints import CallConstraints, rules_for
from airflow_provider_voiceinfra.guard.limits import Limits, read_limits
from airflow_provider_voiceinfra.guard.weekly_windows import WEEKDAYS
from airflow_provider_voiceinfra.policies import CallingHours
from airflow_provider_voiceinfra.store.guard.rules import Rule

LONG = {"mon-fri": ["09:00-12:00", "14:00-19:00"], "sat": "10:00-13:00"}
ZONES = ("America/New_York", "America/St_Johns", "Australia/Lord_Howe", "Europe/Berlin", "Pacific/Apia", "UTC")
EDGES = ("00:00", "00:30", "01:30", "02:30", "03:00", "09:00", "12:00", "16:45", "23:59", "24:00")
CHANGES = ("2026-03-08T06:50", "2026-11-01T05:10", "2026-03-29T00:30", "2026-10-25T00:40", "2026-04-04T14:00",
           "2026-07-03T22:00", "2026-12-24T23:30", "2026-12-31T11:00")  # fmt: skip


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def minutes(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def by_the_minute(week, closed, region, zone_names, now, wanted, hours=72):
    """The same rules once more: look at the clock of each zone in each minute."""
    days_off = holidays.country_holidays(region) if region else ()
    zones = [tz.gettz(name) for name in zone_names]
    for number in range(hours * 60):
        at = now + timedelta(minutes=number)
        clocks = [at.astimezone(zone) for zone in zones]
        is_open = all(
            any(start <= clock.hour * 60 + clock.minute < end for start, end in week[clock.weekday()])
            and clock.date() not in closed
            and clock.date() not in days_off
            for clock in clocks
        )
        if is_open is wanted:
            return at
    return None


@st.composite
def weeks(draw):
    """Windows as they are written, and as minutes of each weekday."""
    written, week = {}, []
    for day in WEEKDAYS:
        edges = sorted(draw(st.sets(st.sampled_from(EDGES), max_size=6)))
        pairs = list(zip(edges[::2], edges[1::2], strict=False))
        if pairs:
            written[day] = [f"{start}-{end}" for start, end in pairs]
        week.append([(minutes(start), minutes(end)) for start, end in pairs])
    return written or {"mon": "09:00-10:00"}, week if written else [[(540, 600)], *[[]] * 6]


@given(
    windows=weeks(),
    closed=st.sets(st.sampled_from([date(2026, 3, 8), date(2026, 10, 25), date(2026, 12, 25), date(2027, 1, 2)])),
    region=st.sampled_from([None, "US", "DE"]),
    names=st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True),
    now=st.builds(lambda at, more: utc(at) + timedelta(minutes=more), st.sampled_from(CHANGES), st.integers(-900, 900)),
)
@example(({"sun": "00:00-24:00", "mon": "00:00-24:00"}, [[(0, 1440)], *[[]] * 5, [(0, 1440)]]), set(), None, ["UTC"],
         utc("2026-03-08T00:00"))  # fmt: skip
def test_windows_are_open_when_another_implementation_says(windows, closed, region, names, now):
    written, week = windows
    hours, zones = CallingHours(windows=written, closed=closed, holidays=region), [ZoneInfo(name) for name in names]
    for found, wanted in ((hours.opens_at(now, zones), True), (hours.closes_at(now, zones), False)):
        expected = by_the_minute(week, closed, region, names, now, wanted)
        if expected is None:
            assert found is None or found >= now + timedelta(hours=72)
        else:
            assert found == expected
    assert hours.is_open(now, zones) is (by_the_minute(week, closed, region, names, now, wanted=True, hours=1) == now)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        (
            "mon-fri 09:00-12:00,14:00-19:00; sat 10:00-13:00; closed 2026-12-25; America/New_York",
            CallingHours(windows=LONG, closed=[date(2026, 12, 25)], timezone="America/New_York"),
        ),
        (
            " Mon-Fri 9:00 - 12:00, 14:00-19:00 ;sat 10:00-13:00 UTC; holidays de-BY; closed 2026-12-24, 2026-12-31;",
            CallingHours(windows=LONG, closed=["2026-12-24", date(2026, 12, 31)], timezone="UTC", holidays="DE-BY"),
        ),
        ("mon-fri 09:00-19:00; holidays callee", CallingHours(holidays="callee")),
        ("sat,sun 00:00-24:00", CallingHours(windows={"sat": ["00:00-24:00"], "sun": ("00:00-24:00",)})),
    ],
)
def test_a_connections_text_says_what_a_dag_says(text, hours):
    assert CallingHours.parse(text) == CallingHours.of(text) == hours
    assert read_limits({"calling_hours": text}, conn_id="voiceinfra_default").calling_hours == hours


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mon-fri 09:00-12:00; fri 14:00-19:00", "fri twice"),
        ("mon 09:00-12:00; mon 14:00-19:00", "mon is named twice"),
        ("mon 09:00-12:00,11:00-14:00", "overlap"),
        ("mon 22:00-02:00", "22:00-24:00"),
        ("mon 09:00-12:60", "00:00 to 24:00"),
        ("mon 09:00-12:00; closed tomorrow", "not a date"),
        ("mon 09:00-12:00; closed 2026-13-01", "not a date"),
        ("mon 09:00-12:00; holidays Atlantis", "not known"),
        ("mon 09:00-12:00; holidays US-XX", "not known"),
        ("mon 09:00-12:00 UTC; Europe/Berlin", "twice"),
        ("closed 2026-12-25", "names no hours"),
        ("mon 09:00-12:00; open always", "cannot be read"),
    ],
)
def test_a_text_that_can_be_misread_stops_every_call_and_says_what_to_write(text, said):
    with pytest.raises(InvalidCallError, match=said):
        read_limits({"calling_hours": text}, conn_id="voiceinfra_default")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"windows": LONG, "start": time(10)}, ValueError),
        ({"windows": LONG, "days": ("sat",)}, ValueError),
        ({"windows": {}}, ValueError),
        ({"windows": {"mon": []}}, ValueError),
        ({"windows": {"someday": "09:00-10:00"}}, ValueError),
        ({"windows": {"mon": 9}}, TypeError),
        ({"windows": "mon-fri 09:00-19:00"}, TypeError),
        ({"closed": "2026-12-25"}, TypeError),
        ({"closed": [datetime(2026, 12, 25, tzinfo=UTC)]}, TypeError),
        ({"closed": ["Christmas"]}, ValueError),
        ({"holidays": True}, TypeError),
        ({"holidays": "Atlantis"}, ValueError),
    ],
)
def test_invalid_hours_are_found_when_the_dag_is_parsed(arguments, error):
    with pytest.raises(error):
        CallingHours(**arguments)


def test_the_day_after_a_year_of_closed_days_is_found():
    year = [date(2027, 1, 1) + timedelta(days=number) for number in range(365)]
    hours, zone = CallingHours(closed=year), ZoneInfo("America/New_York")
    assert hours.opens_at(utc("2027-01-01T12:00"), [zone]) == utc("2028-01-03T14:00")
    assert hours.opens_at(utc("2026-12-31T23:59"), [zone, ZoneInfo("Europe/Berlin")]) == utc("2028-01-03T14:00")


def test_hours_that_never_open_together_are_known_to_be_so():
    far = [ZoneInfo("Pacific/Auckland"), ZoneInfo("America/New_York")]
    assert (
        CallingHours(windows={"mon-fri": "09:00-12:00"}, holidays="US").opens_at(utc("2026-11-23T00:00"), far) is None
    )


def denial(number, hours, at, **constraints):
    limits, constraints = Limits(calling_hours=hours), CallConstraints(**constraints)
    return rules_for(limits, constraints, number).by_time(utc(at))


def test_the_holidays_of_the_callees_country_apply_to_their_number():
    hours = CallingHours(windows={"mon-sun": "09:00-18:00"}, holidays="callee")
    christmas = "2026-12-25T15:00"
    assert denial("+442071838750", hours, christmas).rule == Rule.CALLING_HOURS
    # Boxing Day is observed on Monday the 28th.
    assert denial("+442071838750", hours, christmas).until == utc("2026-12-27T09:00")
    assert denial("+81312345678", hours, "2026-12-25T03:00") is None
    assert denial("+12125550100", CallingHours(holidays="DE"), "2026-11-26T15:00") is None
    assert denial("+12125550100", CallingHours(holidays="US"), "2026-11-26T15:00").until == utc("2026-11-27T14:00")


def test_nobody_is_called_in_a_country_whose_holidays_are_not_known():
    hours = CallingHours(timezone="UTC", holidays="callee")
    found = denial("+870773111632", hours, "2026-12-01T12:00")
    assert found.rule == Rule.TIMEZONE
    assert "public holidays" in found.facts["reason"]


def test_without_the_library_a_dag_with_holidays_says_what_to_install(monkeypatch):
    public_holidays.public_holidays.cache_clear()
    monkeypatch.setitem(sys.modules, "holidays", None)
    with pytest.raises(ValueError, match=r"pip install 'airflow-provider-voiceinfra\[holidays\]'"):
        CallingHours(holidays="US")
    assert CallingHours()
