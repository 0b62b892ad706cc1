"""A zone is a region's, and the zones of a number are all of its area code's."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from phonenumbers import PhoneNumber, PhoneNumberType
from phonenumbers.tzdata import TIMEZONE_DATA

from airflow_provider_voiceinfra.errors import InvalidCallError
from airflow_provider_voiceinfra.guard.calling_hours import WEEKDAYS, CallingHours
from airflow_provider_voiceinfra.guard.constraints import read_timezone
from airflow_provider_voiceinfra.guard.limits import read_limits
from airflow_provider_voiceinfra.guard.time_zones import zone_of, zones_of_number


def names(number: str) -> set[str]:
    return {zone.key for zone in zones_of_number(number)}


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("+14232001234", {"America/Chicago", "America/New_York"}),
        ("+14155550100", {"America/Los_Angeles"}),
        # Gold Coast and, where the data says no more, the rest of 07.
        ("+61731234567", {"Australia/Brisbane", "Australia/Sydney"}),
        ("+6439642284", {"Pacific/Auckland", "Pacific/Chatham"}),
        ("+559274137372", {"America/Manaus", "America/Sao_Paulo"}),
        ("+528181234567", {"America/Mexico_City"}),
        ("+34912345678", {"Europe/Madrid"}),
        ("+442079460000", {"Europe/London"}),
        # Mobiles of Barbados, whose area code is its own.
        ("+12462345678", {"America/Barbados"}),
        # Toll-free and satellite numbers.
        ("+18005550100", set()),
        ("+88213300655", set()),
    ],
)
def test_a_number_may_be_in_every_zone_of_its_area_code(number, zones):
    assert names(number) == zones


def test_a_mobile_may_be_in_every_zone_of_a_country_whose_mobiles_have_no_area_code():
    assert {"Australia/Perth", "Australia/Sydney"} <= names("+61412345678")
    assert {"Asia/Kamchatka", "Europe/Moscow"} <= names("+79161234567")


def test_hours_are_open_in_every_zone_of_every_area_code_of_north_america():
    hours, checked = CallingHours(time(9), time(19), WEEKDAYS), 0
    for area_code in range(200, 1_000):
        known = {
            zone for prefix, zones in TIMEZONE_DATA.items() if prefix.startswith(f"1{area_code}") for zone in zones
        }
        for rest in (2_002_345, 2_345_678, 9_895_678):
            number = PhoneNumber(1, area_code * 10_000_000 + rest)
            if not known or phonenumbers.number_type(number) > PhoneNumberType.FIXED_LINE_OR_MOBILE:
                continue
            zones = zones_of_number(f"+1{number.national_number}")
            opens = hours.opens_at(datetime(2026, 6, 1, tzinfo=UTC), zones)
            for name in known:
                clock = opens.astimezone(ZoneInfo(name))
                assert time(9) <= clock.time() < time(19), (area_code, name)
            checked += 1
    assert checked > 1_000


@pytest.mark.parametrize(
    ("name", "region"),
    [
        ("EST", "America/New_York"),
        ("MST", "America/Denver"),
        ("HST", "Pacific/Honolulu"),
        ("EST5EDT", "America/New_York"),
        ("CST6CDT", "America/Chicago"),
        ("PST8PDT", "America/Los_Angeles"),
        ("CET", "Europe/Berlin"),
        ("GMT", "Europe/London"),
        ("Etc/GMT", "Europe/London"),
        ("Etc/GMT+5", "America/New_York"),
        ("Etc/GMT-1", "Europe/Berlin"),
        ("Etc/GMT-14", "Pacific/Tongatapu"),
        ("GMT+0", "Europe/London"),
        ("posixrules", "America/"),
        ("localtime", "/"),
        # No names of zones at all.
        ("GMT+5", "America/New_York"),
        ("UTC-5", "America/New_York"),
        ("+02:00", "America/New_York"),
        ("EST5", "America/New_York"),
        ("Mars", "America/New_York"),
        ("", "America/New_York"),
    ],
)
def test_what_is_not_a_region_is_rejected_wherever_a_zone_is_given(name, region):
    with pytest.raises(ValueError, match=region):
        zone_of(name)
    with pytest.raises(ValueError, match=region):
        CallingHours(timezone=name)
    if not name:
        return
    with pytest.raises(ValueError, match=region):
        CallingHours.parse(f"mon-fri 09:00-19:00 {name}")
    with pytest.raises(InvalidCallError, match=region):
        read_limits({"calling_hours": f"mon-fri 09:00-19:00 {name}"}, conn_id="voiceinfra_default")
    # Of a task, or of a row.
    with pytest.raises(InvalidCallError, match=region):
        read_timezone(name)


@pytest.mark.parametrize("name", ["UTC", "Etc/UTC", "Zulu", " UTC ", "US/Eastern", "Japan", "America/Panama"])
def test_utc_and_the_names_of_regions_are_zones(name):
    assert zone_of(name).utcoffset(datetime(2026, 1, 1)) in {timedelta(hours=each) for each in (0, -5, 9)}  # noqa: DTZ001
    assert CallingHours(timezone=name)


def test_a_zone_that_is_not_a_string_is_rejected():
    with pytest.raises(InvalidCallError, match="timezone must be a string such as America/New_York, not int"):
        read_timezone(5)
