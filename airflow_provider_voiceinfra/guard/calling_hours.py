"""Calling hours: when people may be called, in their local time."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from airflow_provider_voiceinfra.arguments import choices, instance, wrong
from airflow_provider_voiceinfra.guard.time_zones import zone_of

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Days in which hours that ever open have opened: a week, and the date line.
_HORIZON = 9
_EXAMPLE = "CallingHours(time(9), time(19)), or 'mon-fri 09:00-19:00'"
_TEXT = re.compile(r"(?P<days>[a-z,-]+)\s+(?P<start>\d\d?:\d\d)\s*-\s*(?P<end>\d\d?:\d\d)(?:\s+(?P<zone>\S+))?", re.I)


@dataclass(frozen=True, slots=True)
class CallingHours:
    """The hours in which people may be called, in their local time.

    A callee's zone is the one that the call names, else those of the number's area code: then it must be open in all.

    :param start: in the callee's local time.
    :param end: in the callee's local time; from then on nobody is called.
    :param days: such as ``("mon", "tue")``.
    :param timezone: the zone of callees whose number does not tell where they are, such as ``America/New_York``.
    :raises TypeError: if an argument is of another type.
    :raises ValueError: if they are never open, or the zone is unknown.
    """

    start: time = time(9)
    end: time = time(19)
    days: Sequence[str] = WEEKDAYS[:5]
    timezone: str | None = None

    def __post_init__(self) -> None:
        for name, clock in (("start", self.start), ("end", self.end)):
            if not isinstance(clock, time):
                raise TypeError(wrong(name, "a datetime.time such as time(9)", clock))
        object.__setattr__(self, "days", choices("days", self.days, WEEKDAYS))
        if not self.days:
            raise ValueError(f"days must name one of {', '.join(WEEKDAYS)}")
        if self.start.tzinfo or self.end.tzinfo or not self.start < self.end:
            raise ValueError(f"start must be before end, both without a zone, not {self.start} and {self.end}")
        if self.timezone is not None:
            if not isinstance(self.timezone, str):
                raise TypeError(wrong("timezone", "a string such as America/New_York", self.timezone))
            try:
                zone_of(self.timezone)
            except ValueError as error:
                raise ValueError(f"timezone {error}") from None

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
        """Read them from a connection's field, such as ``mon-fri 09:00-19:00 America/New_York``.

        :raises ValueError: if they cannot be read.
        """
        match = _TEXT.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} cannot be read: write calling hours like mon-fri 09:00-19:00 America/New_York")
        start, end = (time.fromisoformat(match[name].zfill(5)) for name in ("start", "end"))
        return cls(start, end, _days(match["days"].lower()), match["zone"])

    def is_open(self, now: datetime, zones: Collection[ZoneInfo]) -> bool:
        """Tell whether somebody may be called who is in one of these zones, nobody knows in which."""
        return all(self._is_open_by(now.astimezone(zone)) for zone in zones)

    def opens_at(self, now: datetime, zones: Collection[ZoneInfo]) -> datetime | None:
        """Give the first time, from now on, at which they are open in all zones; None for never."""
        if self.is_open(now, zones):
            return now
        return self._first(now, zones, lambda at: self.is_open(at, zones))

    def closes_at(self, now: datetime, zones: Collection[ZoneInfo]) -> datetime | None:
        """Give the first time, from now on, at which they are not open in all zones; None for never."""
        return self._first(now, zones, lambda at: not self.is_open(at, zones))

    def _is_open_by(self, clock: datetime) -> bool:
        return WEEKDAYS[clock.weekday()] in self.days and self.start <= clock.time() < self.end

    def _first(self, now: datetime, zones: Collection[ZoneInfo], wanted: Callable[[datetime], bool]) -> datetime | None:
        changes = {change for zone in zones for change in self._changes(now, zone)}
        return next((at for at in sorted({now, *changes}) if at >= now and wanted(at)), None)

    def _changes(self, now: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """Give every time at which they may open or close in a zone: by its clock, or when that is changed."""
        today = now.astimezone(zone).date()
        for number in range(-1, _HORIZON):
            day = today + timedelta(days=number)
            for clock in (self.start, self.end, time()):
                for fold in (0, 1):
                    yield datetime.combine(day, clock, zone).replace(fold=fold).astimezone(UTC)
            change = clock_change(day, zone)
            if change is not None:
                yield change


def clock_change(day: date, zone: ZoneInfo) -> datetime | None:
    """Find out when the clocks of a zone are changed on a day, if they are."""
    begin = datetime.combine(day, time(), UTC) - timedelta(hours=16)
    low, high = 0, 56 * 3600
    offset = begin.astimezone(zone).utcoffset()
    if (begin + timedelta(seconds=high)).astimezone(zone).utcoffset() == offset:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if (begin + timedelta(seconds=middle)).astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return begin + timedelta(seconds=high)


def _days(text: str) -> tuple[str, ...]:
    days: list[str] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in WEEKDAYS or (last or first) not in WEEKDAYS:
            raise ValueError(f"{part!r} is no day: write days like mon-fri or mon,wed,sat")
        begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
        days += WEEKDAYS[begin : end + 1] if begin <= end else (*WEEKDAYS[begin:], *WEEKDAYS[: end + 1])
    return tuple(dict.fromkeys(days))
