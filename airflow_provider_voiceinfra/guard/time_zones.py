"""Time zones: which a name stands for, and which a phone number may be in."""

from __future__ import annotations

import functools
import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

_UNKNOWN = "Etc/Unknown"
_NORTH_AMERICA = "1"
_UTC = frozenset({"UTC", "UCT", "Universal", "Zulu", "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu"})
# Some of them have summer time, but by the rule of a region that they do not name.
_OFFSETS = frozenset(
    {"CET", "EET", "MET", "WET", "EST", "MST", "HST", "EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT"}
    | {"GMT", "GMT0", "GMT+0", "GMT-0", "Greenwich", "Factory", "localtime", "posixrules"}
)
_NOT_AREAS = frozenset({"Etc", "SystemV", "posix", "right"})
_WELL_KNOWN = (
    "Pacific/Honolulu",
    "America/Anchorage",
    "America/Los_Angeles",
    "America/Denver",
    "America/Chicago",
    "America/New_York",
    "America/Halifax",
    "America/Sao_Paulo",
    "Atlantic/Cape_Verde",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Athens",
    "Europe/Istanbul",
    "Asia/Dubai",
    "Asia/Karachi",
    "Asia/Dhaka",
    "Asia/Bangkok",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Australia/Brisbane",
    "Pacific/Noumea",
    "Pacific/Fiji",
    "Pacific/Tongatapu",
)


class FixedOffsetError(ValueError):
    """The name is not a region's: its clock is not known to change as people's do."""


def zone_of(name: str) -> ZoneInfo:
    """Find the zone of a region by its name.

    :raises FixedOffsetError: if the name stands for an offset from UTC, such as ``EST`` or ``Etc/GMT+5``.
    :raises ValueError: if it is not the name of a time zone.
    """
    name = name.strip()
    try:
        zone = ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone: write it like America/New_York") from None
    area, slash, _ = name.partition("/")
    if name in _UTC or not (name in _OFFSETS or (slash and area in _NOT_AREAS)):
        return zone
    raise FixedOffsetError(
        f"{name!r} is an offset from UTC, which does not say when a region changes its clocks: write the region, "
        f"such as {_region_like(zone)}"
    )


def _region_like(zone: ZoneInfo) -> str:
    """Name a region with the same winter time, or about the same."""
    winter = datetime(2026, 1, 1, tzinfo=UTC)

    def offset(other: ZoneInfo) -> timedelta:
        return winter.astimezone(other).utcoffset() or timedelta(0)

    return min(_WELL_KNOWN, key=lambda name: abs(offset(ZoneInfo(name)) - offset(zone)))


@functools.lru_cache(10_000)
def zones_of_number(e164: str) -> tuple[ZoneInfo, ...]:
    """Return the zones that a number may be in; none where it tells nothing, as a toll-free number does.

    Those of its whole area code: numbers move within it, and mobiles never say where in it they are.

    :param e164: such as ``+14155550100``.
    """
    # Loading their tables takes a while, which only those pay who use calling hours.
    import phonenumbers
    from phonenumbers import timezone

    number = phonenumbers.parse(e164)
    if phonenumbers.number_type(number) in _anywhere():
        return ()
    names = _zones_under(_area(number))
    if str(number.country_code) != _NORTH_AMERICA or not names:
        # Of a part of the area code, or of the whole country where the number tells no more.
        names = names.union(timezone.time_zones_for_number(number))
    return () if _UNKNOWN in names else tuple(ZoneInfo(name) for name in sorted(names))


def _area(number: PhoneNumber) -> str:
    """Return the country code and the area code."""
    import phonenumbers

    national = phonenumbers.national_significant_number(number)
    if str(number.country_code) == _NORTH_AMERICA:
        return f"{_NORTH_AMERICA}{national[:3]}"
    length = phonenumbers.length_of_geographical_area_code(number)
    if not length and phonenumbers.number_type(number) != phonenumbers.PhoneNumberType.MOBILE:
        # Of a country that dials its area codes always, which libphonenumber does not call geographic.
        length = phonenumbers.length_of_national_destination_code(number)
    return f"{number.country_code}{national[:length]}"


@functools.lru_cache(10_000)
def _zones_under(prefix: str) -> frozenset[str]:
    from phonenumbers.tzdata import TIMEZONE_DATA

    found = (zones for longer, zones in TIMEZONE_DATA.items() if longer.startswith(prefix))
    return frozenset(itertools.chain.from_iterable(found))


@functools.cache
def _anywhere() -> frozenset[int]:
    """Kinds of numbers that are answered wherever their owner likes."""
    from phonenumbers import PhoneNumberType as Kind

    return frozenset({Kind.TOLL_FREE, Kind.SHARED_COST, Kind.UAN, Kind.VOIP, Kind.PERSONAL_NUMBER, Kind.PAGER})
