"""Calling hours: when people may be called, in their local time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow_provider_voiceinfra.arguments import choices, instance, wrong
from airflow_provider_voiceinfra.guard.hours_text import read_date, read_hours
from airflow_provider_voiceinfra.guard.openings import Opening, openings
from airflow_provider_voiceinfra.guard.public_holidays import public_holidays
from airflow_provider_voiceinfra.guard.time_zones import zone_of
from airflow_provider_voiceinfra.guard.weekly_windows import WEEKDAYS, Week, week_of, week_of_days
from airflow_provider_voiceinfra.phone_numbers.caller_id import country_of

CALLEE = "callee"
"""The holidays of the callee's country."""

_EXAMPLES = {"timezone": "America/New_York", "holidays": "US or US-CA"}
_EXAMPLE = "CallingHours(time(9), time(19)), or 'mon-fri 09:00-19:00'"
_START, _END, _DAYS = time(9), time(19), WEEKDAYS[:5]
_YEAR = 366
"""Days: hours that open in none of them, once ``closed`` is over, never do."""
_ANY_YEAR = 2026


@dataclass(frozen=True, slots=True)
class CallingHours:
    """The hours in which people may be called, in their local time.

    A callee's zone is the one that the call names, else those of the number's area code: then it must be open in all.
    Either ``start``, ``end`` and ``days``, or ``windows``.

    :param start: in the callee's local time; 9:00 by default.
    :param end: in the callee's local time; from then on nobody is called; 19:00 by default.
    :param days: such as ``("mon", "tue")``; Monday to Friday by default.
    :param timezone: the zone of callees whose number does not tell where they are, such as ``America/New_York``.
    :param windows: times by weekday, such as ``{"mon-fri": ["09:00-12:00", "14:00-19:00"], "sat": "10:00-13:00"}``.
    :param closed: dates on which nobody is called.
    :param holidays: public holidays on which nobody is called: those of a country or of a part of it, such as ``US`` or
        ``US-CA``, or ``callee`` for the country of the number. Needs the extra ``holidays``.
    :raises TypeError: if an argument is of another type.
    :raises ValueError: if they are never open, a zone or a region is unknown, or the library of holidays is missing.
    """

    start: time = field(default=_START, compare=False)
    end: time = field(default=_END, compare=False)
    days: Sequence[str] = field(default=_DAYS, compare=False)
    timezone: str | None = None
    windows: Mapping[str, str | Sequence[str]] | None = field(default=None, compare=False)
    closed: Collection[date] = ()
    holidays: str | None = None
    _week: Week = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name, value in self._checked().items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, given: object) -> CallingHours | None:
        """Read the argument ``calling_hours``: an object, the text of a connection's field, or None.

        :raises TypeError: if it is something else.
        :raises ValueError: if the text cannot be read.
        """
        if not isinstance(given, str):
            return instance("calling_hours", given, cls, _EXAMPLE)
        try:
            return cls.parse(given)
        except ValueError as error:
            raise ValueError(f"calling_hours: {error}") from None

    @classmethod
    def parse(cls, text: str) -> CallingHours:
        """Read them from a connection's field.

        Such as ``mon-fri 09:00-12:00,14:00-19:00; sat 10:00-13:00; closed 2026-12-25; holidays US; America/New_York``.

        :raises ValueError: if they cannot be read.
        """
        return cls(**read_hours(text))

    def for_callee(self, to_number: str) -> CallingHours:
        """Fill in the country of a number, if its holidays apply.

        :param to_number: in E.164.
        :raises ValueError: if the holidays of the country are not known.
        """
        if self.holidays != CALLEE:
            return self
        country = country_of(to_number)
        if country is None:
            raise ValueError("the number belongs to no country")
        return replace(self, holidays=country)

    def is_open(self, now: datetime, zones: Collection[ZoneInfo]) -> bool:
        """Return whether a callee may be called who is in one of these zones; it is not known in which."""
        return all(self._current_opening(now, zone) for zone in zones)

    def opens_at(self, now: datetime, zones: Collection[ZoneInfo]) -> datetime | None:
        """Return the first time, from now on, at which they are open in all zones; None for never."""
        latest = max(day.toordinal() for day in (now.date(), *self.closed)) + _YEAR
        at = now
        while True:
            found = [self._next_opening(at, zone, latest) for zone in zones]
            opens = max((opens for opens in found if opens is not None), default=at)
            if None in found:
                return None
            if opens == at:
                return at
            at = opens

    def closes_at(self, now: datetime, zones: Collection[ZoneInfo]) -> datetime | None:
        """Return the first time, from now on, at which they are not open in all zones; None for never."""
        at, latest = now, now + timedelta(days=_YEAR)
        while zones and at < latest:
            current = [self._current_opening(at, zone) for zone in zones]
            if None in current:
                return at
            at = min(closes for _, closes in filter(None, current))
        return None

    def _current_opening(self, at: datetime, zone: ZoneInfo) -> Opening | None:
        today = self._openings(at.astimezone(zone).date(), zone)
        return next((each for each in today if each[0] <= at < each[1]), None)

    def _next_opening(self, at: datetime, zone: ZoneInfo, latest: int) -> datetime | None:
        """Return the first time, from a time on, at which they are open in a zone; none later than some day."""
        today = at.astimezone(zone).toordinal()
        for day in map(date.fromordinal, range(today, latest + 1)):
            # A clock that is set back at midnight repeats a part of the day before.
            days = (day - timedelta(days=1), day, day + timedelta(days=1))
            times = [max(opens, at) for each in days for opens, closes in self._openings(each, zone) if closes > at]
            if times:
                return min(times)
        return None

    def _openings(self, day: date, zone: ZoneInfo) -> tuple[Opening, ...]:
        windows = self._week[day.weekday()]
        if not windows or day in self.closed or (self.holidays and day in public_holidays(self.holidays, day.year)):
            return ()
        return openings(windows, day, zone)

    def _checked(self) -> dict[str, Any]:
        """Return the fields as they are kept."""
        found: dict[str, Any] = {"closed": _closed(self.closed)}
        if self.windows is None:
            found |= _simple(self.start, self.end, self.days)
        elif (self.start, self.end, self.days) != (_START, _END, _DAYS):
            raise ValueError("give windows, or start, end and days, not both")
        else:
            found["_week"] = week_of(self.windows)
        for name in ("timezone", "holidays"):
            text = getattr(self, name)
            if text is not None and not isinstance(text, str):
                raise TypeError(wrong(name, f"a string such as {_EXAMPLES[name]}", text))
        if self.timezone is not None:
            try:
                zone_of(self.timezone)
            except ValueError as error:
                raise ValueError(f"timezone {error}") from None
        if self.holidays is not None:
            found["holidays"] = _region(self.holidays)
        return found


def _simple(start: time, end: time, days: Sequence[str]) -> dict[str, Any]:
    for name, clock in (("start", start), ("end", end)):
        if not isinstance(clock, time):
            raise TypeError(wrong(name, "a datetime.time such as time(9)", clock))
    named = choices("days", days, WEEKDAYS)
    if not named:
        raise ValueError(f"days must name one of {', '.join(WEEKDAYS)}")
    if start.tzinfo or end.tzinfo or not start < end:
        raise ValueError(f"start must be before end, both without a zone, not {start} and {end}")
    return {"days": named, "_week": week_of_days(named, start, end)}


def _closed(given: object) -> frozenset[date]:
    wanted = "a list of dates such as [date(2026, 12, 25)]"
    if isinstance(given, str) or not isinstance(given, Collection):
        raise TypeError(wrong("closed", wanted, given))
    days = [read_date(each) if isinstance(each, str) else each for each in given]
    if any(isinstance(day, datetime) or not isinstance(day, date) for day in days):
        raise TypeError(wrong("closed", wanted, given))
    return frozenset(days)


def _region(text: str) -> str:
    if text.lower() == CALLEE:
        return CALLEE
    country, dash, part = text.strip().partition("-")
    region = f"{country.upper()}{dash}{part}"
    public_holidays(region, _ANY_YEAR)
    return region
