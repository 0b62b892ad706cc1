"""When weekly windows are open in a time zone, as UTC: exact on days on which clocks are changed, too."""

from __future__ import annotations

import functools
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

from airflow_provider_voiceinfra.guard.weekly_windows import Window

Opening: TypeAlias = tuple[datetime, datetime]
"""From when until when, in UTC."""

_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@functools.lru_cache(50_000)
def openings(windows: tuple[Window, ...], day: date, zone: ZoneInfo) -> tuple[Opening, ...]:
    """Return the times at which windows are open on a local day: on the day of a change, those of both offsets."""
    midnight = datetime.combine(day, time(), UTC)
    return tuple(
        (max(begin, midnight + start - offset), min(end, midnight + stop - offset))
        for begin, end, offset in _offsets(day, zone)
        for start, stop in windows
        if max(begin, midnight + start - offset) < min(end, midnight + stop - offset)
    )


def _offsets(day: date, zone: ZoneInfo) -> list[tuple[datetime, datetime, timedelta]]:
    """Return a zone's offsets around a day, each with the times between which it holds."""
    # A local day lies between these, wherever it is.
    low = datetime.combine(day, time(), UTC) - timedelta(hours=16)
    high = low + timedelta(hours=56)
    before, after = _offset(low, zone), _offset(high, zone)
    if before == after:
        return [(_FIRST, _LAST, before)]
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        low, high = (middle, high) if _offset(middle, zone) == before else (low, middle)
    return [(_FIRST, high, before), (high, _LAST, after)]


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)
