"""From a connection's limits and a call's own constraints to the rules that the call store checks it against."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from airflow_provider_voiceinfra.arguments import is_template, strings, wrong
from airflow_provider_voiceinfra.errors import InvalidCallError
from airflow_provider_voiceinfra.guard.calling_hours import CallingHours
from airflow_provider_voiceinfra.guard.limits import Limits
from airflow_provider_voiceinfra.guard.time_zones import FixedOffsetError, zone_of, zones_of_number
from airflow_provider_voiceinfra.store.guard.rules import Denial, Rule, Rules

_NO_ZONE = (
    "Its number does not tell the callee's time zone: give the call a timezone, or its CallingHours one for such "
    "numbers."
)
_NEVER_OPEN = (
    "Calling hours of the connection and of the call are never open together in the callee's time zone: fix them."
)


@dataclass(frozen=True, slots=True)
class CallConstraints:
    """When a call may be placed, as its DAG says.

    :param calling_hours: besides the connection's, which apply too.
    :param timezone: the callee's, such as ``Europe/London``; by default that of their number.
    :param not_after: when the call expires.
    :param calls_per_second: of its list, besides the connection's.
    """

    calling_hours: CallingHours | None = None
    timezone: str | None = None
    not_after: datetime | None = None
    calls_per_second: float | None = None

    @classmethod
    def build(
        cls, calling_hours: CallingHours | None, timezone: str | None, not_after: datetime | str | None
    ) -> CallConstraints:
        """Check every constraint.

        :param not_after: with its time zone; ISO 8601 if it is a string. An empty string is none, as for ``timezone``.
        :raises InvalidCallError: if one is invalid: no call is placed at a time that was guessed.
        """
        if timezone is not None and not isinstance(timezone, str):
            raise InvalidCallError(
                f"timezone must be a string such as America/New_York, not {type(timezone).__name__}."
            )
        zone = timezone.strip() if timezone else None
        try:
            if zone:
                zone_of(zone)
        except FixedOffsetError as error:
            raise InvalidCallError(f"timezone {error}.") from None
        except ValueError:
            # The value is not repeated: from a wrong column, it may be personal data.
            raise InvalidCallError("timezone is not a time zone: write it like America/New_York.") from None
        try:
            time = datetime.fromisoformat(not_after.strip()) if isinstance(not_after, str) and not_after else not_after
        except ValueError:
            raise InvalidCallError("not_after is not a time: write it like 2026-11-23T15:00+01:00.") from None
        if isinstance(time, datetime) and time.tzinfo is None:
            raise InvalidCallError("not_after has no time zone: write it like 2026-11-23T15:00+01:00.")
        return cls(calling_hours, zone or None, time or None)


def check_when(*, timezone: object, not_after: object) -> None:
    """Check a DAG's constraints, as far as they are known before the task runs.

    :raises TypeError: if one is neither a string nor a time.
    :raises ValueError: if one is invalid.
    """
    strings(timezone=timezone)
    if isinstance(not_after, date) and not isinstance(not_after, datetime):
        raise TypeError(wrong("not_after", "a datetime with a time zone, or a string", not_after))
    if not isinstance(not_after, datetime):
        strings(not_after=not_after)
    known: dict[str, Any] = {"timezone": timezone, "not_after": not_after}
    try:
        CallConstraints.build(None, **{name: None if is_template(value) else value for name, value in known.items()})
    except InvalidCallError as error:
        raise ValueError(str(error)) from None


def rules_for(limits: Limits, constraints: CallConstraints, to_number: str) -> Rules:
    """Give the rules of one call.

    :param to_number: in E.164.
    """
    hours = tuple(filter(None, (limits.calling_hours, constraints.calling_hours)))
    windows = tuple(_Window(each, _zones(each, constraints.timezone, to_number)) for each in hours)
    allowed = limits.allowed_numbers is None or to_number in limits.allowed_numbers
    check = _ByTime(windows, allowed=allowed)
    own_zone = limits.calling_hours.timezone if limits.calling_hours else None
    return Rules(
        by_time=check.denial,
        closes_at=check.closes_at,
        not_after=constraints.not_after,
        min_interval=limits.min_interval_per_number,
        max_calls_per_day=limits.max_calls_per_day,
        days_of=zone_of(own_zone) if own_zone else UTC,
        max_in_flight=limits.max_in_flight,
        calls_per_second=limits.calls_per_second,
        list_calls_per_second=constraints.calls_per_second,
    )


@dataclass(frozen=True, slots=True)
class _Window:
    hours: CallingHours
    zones: tuple[ZoneInfo, ...]


def _zones(hours: CallingHours, given: str | None, to_number: str) -> tuple[ZoneInfo, ...]:
    if given:
        return (zone_of(given),)
    zones = zones_of_number(to_number)
    if zones and hours.opens_at(datetime.now(UTC), zones) is not None:
        return zones
    return (zone_of(hours.timezone),) if hours.timezone else ()


@dataclass(frozen=True, slots=True)
class _ByTime:
    """The constraints that need no call store."""

    windows: tuple[_Window, ...]
    allowed: bool

    def denial(self, now: datetime) -> Denial | None:
        if not self.allowed:
            return Denial(Rule.ALLOWED_NUMBERS)
        if not all(window.zones for window in self.windows):
            return Denial(Rule.TIMEZONE, facts={"reason": _NO_ZONE})
        opens = self._opens_at(now)
        if opens is None:
            return Denial(Rule.TIMEZONE, facts={"reason": _NEVER_OPEN})
        return None if opens <= now else Denial(Rule.CALLING_HOURS, opens)

    def closes_at(self, now: datetime) -> datetime | None:
        times = [window.hours.closes_at(now, window.zones) for window in self.windows]
        return min(filter(None, times), default=None)

    def _opens_at(self, now: datetime) -> datetime | None:
        """Give the first time at which all windows are open; None where that is never."""
        at = now
        for _ in range(100):
            times = [window.hours.opens_at(at, window.zones) for window in self.windows]
            found = [time for time in times if time is not None]
            if len(found) < len(times):
                return None
            latest = max(found, default=at)
            if latest <= at:
                return at
            at = latest
        return None
