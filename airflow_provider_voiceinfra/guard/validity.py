"""From when until when a call is valid, from what warehouses keep: a time, a date, or infinity."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from airflow_provider_voiceinfra.errors import InvalidCallError
from airflow_provider_voiceinfra.guard.time_zones import zone_of, zones_of_number

_FIRST_YEAR, _LAST_YEAR = 1900, 9000
# PostgreSQL's, also of the year 9999 where a session is east of UTC.
_NEVER = re.compile(r"\+?infinity$|\d{5,}-\d\d-\d\d(?!.*BC)", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the callee is, as far as it is known: a date begins and ends there.

    :param timezone: of the call.
    :param default: the time zone of calling hours, for numbers that do not tell theirs.
    """

    timezone: str | None
    to_number: str
    default: str | None

    def zones(self) -> Collection[ZoneInfo]:
        """Return the zones that the callee may be in."""
        if self.timezone:
            return (zone_of(self.timezone),)
        return zones_of_number(self.to_number) or ((zone_of(self.default),) if self.default else ())


@dataclass(frozen=True, slots=True)
class Validity:
    """From when until when a call may be placed; None for no such time.

    :param not_before: a date is the start of that day in the callee's time zone.
    :param not_after: a date is the end of that day in the callee's time zone.
    """

    not_before: date | None = None
    not_after: date | None = None

    @classmethod
    def read(cls, not_before: object, not_after: object) -> Validity:
        """Read what a row or a task gives. Infinity, and the years near 9999 that stand for it, are no ``not_after``.

        :raises InvalidCallError: if one cannot be read, or is before 1900, as times are that stand for none.
        """
        return cls(_read("not_before", not_before), _read("not_after", not_after))

    def at(self, place: Place) -> tuple[datetime | None, datetime | None]:
        """Return both as times where the callee is: if they may be in several zones, those that hold in all.

        :raises InvalidCallError: if a date's time zone is not known, or the first is not before the second.
        """
        starts, ends = _starts(self.not_before, place), _ends(self.not_after, place)
        if starts is not None and ends is not None and starts >= ends:
            raise InvalidCallError("not_before is not before not_after: the call could never be placed.")
        return starts, ends


def _starts(moment: date | None, place: Place) -> datetime | None:
    if moment is None or isinstance(moment, datetime):
        return moment
    # The first 00:00 where clocks are set back at midnight.
    return max(datetime.combine(moment, time(), zone).astimezone(UTC) for zone in _zones("not_before", place))


def _ends(moment: date | None, place: Place) -> datetime | None:
    if moment is None or isinstance(moment, datetime):
        return moment
    # The second 23:59 where clocks are set back at midnight.
    zones = _zones("not_after", place)
    return min(datetime.combine(moment, time.max, zone).replace(fold=1).astimezone(UTC) for zone in zones)


def _zones(field: str, place: Place) -> Collection[ZoneInfo]:
    zones = place.zones()
    if not zones:
        raise InvalidCallError(
            f"{field} is a date, and the callee's time zone is not known: give the call a timezone, or its "
            "CallingHours one."
        )
    return zones


def _read(field: str, value: object) -> date | None:
    """Read a time; one without a zone is UTC, as warehouses' sessions are, unless it is a string."""
    moment = _from_text(field, value) if isinstance(value, str) else value
    if moment is None:
        return None
    if not isinstance(moment, date):
        raise InvalidCallError(f"{field} is a {type(value).__name__}, not a time.")
    if moment.year > _LAST_YEAR and field == "not_after":
        return None
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise InvalidCallError(f"{field} is not between {_FIRST_YEAR} and {_LAST_YEAR}.")
    return moment.replace(tzinfo=UTC) if isinstance(moment, datetime) and moment.tzinfo is None else moment


def _from_text(field: str, text: str) -> date | None:
    stripped = text.strip()
    if not stripped:
        return None
    if _NEVER.match(stripped):
        return date.max
    try:
        return date.fromisoformat(stripped)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(stripped)
    except ValueError:
        raise InvalidCallError(f"{field} is not a time: write it like 2026-11-23T15:00+01:00.") from None
    if moment.tzinfo is None:
        raise InvalidCallError(f"{field} has no time zone: write it like 2026-11-23T15:00+01:00.")
    return moment
