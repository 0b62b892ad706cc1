"""Reads values that a model extracted from a call: a yes or no, and a time to be called back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from airflow_provider_voiceinfra.store.models import Goal

_YES, _NO = frozenset({"true", "yes", "y"}), frozenset({"false", "no", "n"})
# How models say that there is none.
_NONE = frozenset({"", "no", "none", "null", "n/a", "false"})


def read_goal(given: object) -> Goal:
    """Read whether a goal was met: from a boolean or a word."""
    value = _value(given)
    word = str(value).strip().lower() if isinstance(value, bool | str) else None
    if word in _YES:
        return Goal.MET
    return Goal.MISSED if word in _NO else Goal.UNREADABLE


def is_given(given: object) -> bool:
    """Return whether a field contains anything."""
    value = _value(given)
    return not (value is None or value is False or (isinstance(value, str) and value.strip().lower() in _NONE))


def read_time(given: object, asked_at: datetime, zones: Collection[ZoneInfo]) -> datetime | None:
    """Read a time in ISO 8601; None if it cannot be read, or can be read in more than one way.

    :param asked_at: a time of day is the next one after it.
    :param zones: that the callee may be in, for a time without a zone.
    """
    value = _value(given)
    text = value.strip() if isinstance(value, str) else ""
    # Not a date, nor a bare number such as 17.
    if ":" not in text:
        return None
    try:
        moment = _parse(text)
        found = {_at(moment, asked_at, zone, fold) for zone in _zones(moment, zones) for fold in (0, 1)}
    except (OverflowError, ValueError):
        return None
    return found.pop() if len(found) == 1 else None


def _value(given: object) -> object:
    """Return a value, also where a model gives its confidence or reason beside it."""
    if isinstance(given, Mapping):
        return next((value for name, value in given.items() if str(name).lower() == "value"), given)
    return given


def _parse(text: str) -> datetime | time:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return time.fromisoformat(text)


def _zones(moment: datetime | time, zones: Collection[ZoneInfo]) -> Collection[ZoneInfo | None]:
    return zones if moment.tzinfo is None else [None]


def _at(moment: datetime | time, asked_at: datetime, zone: ZoneInfo | None, fold: int) -> datetime:
    """Return a time as UTC.

    :param zone: None if the time has its own.
    :param fold: which of two, where clocks are set back; in the hour that does not exist, the two differ too.
    """
    if isinstance(moment, datetime):
        return (moment if zone is None else moment.replace(tzinfo=zone, fold=fold)).astimezone(UTC)
    today = asked_at.astimezone(moment.tzinfo or zone).date()
    days: list[date] = [today, today + timedelta(days=1)]
    local = [datetime.combine(day, moment).replace(tzinfo=moment.tzinfo or zone, fold=fold) for day in days]
    return next(each for each in (at.astimezone(UTC) for at in local) if each > asked_at)
