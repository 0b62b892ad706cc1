"""When a row's call expires, from what warehouses keep: a time, a date, or infinity."""

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
    """Where the callee is, as far as it is known: a date ends there.

    :param timezone: of the row.
    :param default: the time zone of calling hours, for numbers that do not tell theirs.
    """

    timezone: str | None
    to_number: str
    default: str | None

    def zones(self) -> Collection[ZoneInfo]:
        """Give the zones that the callee may be in."""
        if self.timezone:
            return (zone_of(self.timezone),)
        return zones_of_number(self.to_number) or ((zone_of(self.default),) if self.default else ())


def read_not_after(value: object, place: Place) -> datetime | None:
    """Read a row's ``not_after``; a time without a zone is UTC, as warehouses' sessions are.

    A date is the end of that day where the callee is: the earliest one, if they may be in several zones. Infinity, and
    the years near 9999 that stand for it, never come.

    :raises InvalidCallError: if it cannot be read, or is before 1900, as times are that stand for none.
    """
    moment = _from_text(value) if isinstance(value, str) else value
    if moment is None:
        return None
    if not isinstance(moment, date):
        raise InvalidCallError(f"not_after is a {type(value).__name__}, not a time.")
    if moment.year > _LAST_YEAR:
        return None
    if moment.year < _FIRST_YEAR:
        raise InvalidCallError(f"not_after is before {_FIRST_YEAR}.")
    if isinstance(moment, datetime):
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    zones = place.zones()
    if not zones:
        raise InvalidCallError(
            "not_after is a date, and it is not known in which time zone that day ends: give the row a timezone, or "
            "CallingHours one."
        )
    # The second 23:59 where clocks are set back at midnight.
    return min(datetime.combine(moment, time.max, zone).replace(fold=1).astimezone(UTC) for zone in zones)


def _from_text(text: str) -> date | None:
    stripped = text.strip()
    if _NEVER.match(stripped):
        return None
    try:
        return date.fromisoformat(stripped)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(stripped)
    except ValueError:
        raise InvalidCallError("not_after is not a time: write it like 2026-11-23T15:00+01:00.") from None
    if moment.tzinfo is None:
        raise InvalidCallError("not_after has no time zone: write it like 2026-11-23T15:00+01:00.")
    return moment
