"""Weekly windows: at what local times of which weekdays people may be called, as they are written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import time, timedelta
from itertools import pairwise
from typing import TypeAlias

from airflow_provider_voiceinfra.arguments import wrong

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WANTED = "a dict such as {'mon-fri': ['09:00-12:00', '14:00-19:00'], 'sat': '10:00-13:00'}"
_RANGE = re.compile(r"(\d\d?):(\d\d)\s*-\s*(\d\d?):(\d\d)", re.ASCII)

Window: TypeAlias = tuple[timedelta, timedelta]
"""From when until when, since local midnight; at the end it is closed."""
Week: TypeAlias = tuple[tuple[Window, ...], ...]
"""The windows of each weekday, Monday first."""


def week_of(windows: object) -> Week:
    """Read windows by weekday, such as ``{"mon-fri": ["09:00-12:00", "14:00-19:00"], "sat": "10:00-13:00"}``.

    :raises TypeError: if they are not a dict of strings or of lists of strings.
    :raises ValueError: if one cannot be read, windows overlap, or a day is named twice.
    """
    if not isinstance(windows, Mapping):
        raise TypeError(wrong("windows", _WANTED, windows))
    week: dict[str, tuple[Window, ...]] = {}
    for days, ranges in windows.items():
        texts = (ranges,) if isinstance(ranges, str) else ranges
        if not (isinstance(days, str) and isinstance(texts, Sequence) and all(isinstance(each, str) for each in texts)):
            raise TypeError(wrong("windows", _WANTED, windows))
        of_day = _windows(part for text in texts for part in text.split(","))
        for day in read_days(days):
            if day in week:
                raise ValueError(f"windows name {day} twice: write all its times together")
            week[day] = of_day
    if not any(week.values()):
        raise ValueError("windows are never open: name a time, such as {'mon-fri': '09:00-19:00'}")
    return tuple(week.get(day, ()) for day in WEEKDAYS)


def week_of_days(days: Sequence[str], start: time, end: time) -> Week:
    """Return a week with the same window on some weekdays."""
    window = (_since_midnight(start), _since_midnight(end))
    return tuple((window,) if day in days else () for day in WEEKDAYS)


def read_days(text: str) -> tuple[str, ...]:
    """Read weekdays such as ``mon-fri`` or ``mon,wed,sat``.

    :raises ValueError: if one is not a weekday.
    """
    days: list[str] = []
    for part in text.lower().split(","):
        first, dash, last = (each.strip() for each in part.partition("-"))
        if first not in WEEKDAYS or (last if dash else first) not in WEEKDAYS:
            raise ValueError(f"{part.strip()!r} is not a weekday: write days like mon-fri or mon,wed,sat")
        begin, end = WEEKDAYS.index(first), WEEKDAYS.index(last or first)
        days += WEEKDAYS[begin : end + 1] if begin <= end else (*WEEKDAYS[begin:], *WEEKDAYS[: end + 1])
    return tuple(dict.fromkeys(days))


def _windows(texts: Iterable[str]) -> tuple[Window, ...]:
    windows = sorted(map(_window, texts))
    for (_, end), (start, _) in pairwise(windows):
        if start < end:
            raise ValueError("windows of a day overlap: write them one after the other, like 09:00-12:00,14:00-19:00")
    return tuple(windows)


def _window(text: str) -> Window:
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text.strip()!r} is not one of windows: write it like 09:00-19:00")
    hours, minutes = map(int, match.group(1, 3)), map(int, match.group(2, 4))
    start, end = (timedelta(hours=hour, minutes=minute) for hour, minute in zip(hours, minutes, strict=True))
    if any(int(minute) > 59 for minute in match.group(2, 4)) or end > timedelta(days=1):  # noqa: PLR2004
        raise ValueError(f"{text.strip()!r} is not one of windows: write hours from 00:00 to 24:00")
    if start >= end:
        raise ValueError(
            f"{text.strip()!r} ends before it starts: write hours past midnight as two windows, such as 22:00-24:00 "
            "and 00:00-02:00"
        )
    return start, end


def _since_midnight(clock: time) -> timedelta:
    return timedelta(hours=clock.hour, minutes=clock.minute, seconds=clock.second, microseconds=clock.microsecond)
