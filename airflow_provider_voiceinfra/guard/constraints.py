"""From a connection's limits and a call's own constraints to the rules that the call store checks it against."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from airflow_provider_voiceinfra.arguments import is_template, strings, wrong
from airflow_provider_voiceinfra.errors import InvalidCallError
from airflow_provider_voiceinfra.guard.calling_hours import CallingHours
from airflow_provider_voiceinfra.guard.limits import Limits
from airflow_provider_voiceinfra.guard.time_zones import FixedOffsetError, zone_of, zones_of_number
from airflow_provider_voiceinfra.guard.validity import Place, Validity
from airflow_provider_voiceinfra.store.guard.rules import Cap, Denial, Rule, Rules

_NO_ZONE = (
    "Its number does not tell the callee's time zone: give the call a timezone, or its CallingHours one for such "
    "numbers."
)
_NO_HOLIDAYS = (
    "The public holidays of the callee's country are not known: give its calls CallingHours without them, or with "
    "those of a country."
)
_NEVER_OPEN = (
    "Calling hours of the connection and of the call are never open together in the callee's time zone: fix them."
)


@dataclass(frozen=True, slots=True)
class CallConstraints:
    """When a call may be placed, as its DAG says.

    :param calling_hours: besides the connection's, which apply too.
    :param timezone: the callee's, such as ``Europe/London``; by default that of their number.
    :param not_before: nobody is called earlier.
    :param not_after: when the call expires.
    :param max_calls_per_number: besides the connection's, which apply too.
    :param calls_per_second: of its list, besides the connection's.
    :param max_minutes: of its list.
    """

    calling_hours: CallingHours | None = None
    timezone: str | None = None
    not_before: datetime | None = None
    not_after: datetime | None = None
    max_calls_per_number: tuple[Cap, ...] = ()
    calls_per_second: float | None = None
    max_minutes: int | None = None

    @classmethod
    def build(
        cls,
        limits: Limits,
        to_number: str,
        *,
        calling_hours: CallingHours | None,
        timezone: object,
        not_before: object,
        not_after: object,
        max_calls_per_number: tuple[Cap, ...] = (),
    ) -> CallConstraints:
        """Check every constraint.

        :param limits: of the connection, whose calling hours may name a time zone.
        :param to_number: in E.164.
        :param not_before: a time with its zone, or a date; ISO 8601 if it is a string. An empty string is none.
        :param not_after: as ``not_before``.
        :raises InvalidCallError: if one is invalid: no call is placed at a time that was guessed.
        """
        zone = read_timezone(timezone)
        place = Place(zone, to_number, default_zone(calling_hours, limits))
        return cls(calling_hours, zone, *Validity.read(not_before, not_after).at(place), max_calls_per_number)


def default_zone(calling_hours: CallingHours | None, limits: Limits) -> str | None:
    """Return the time zone of the calling hours, a DAG's before the connection's."""
    return next((each.timezone for each in (calling_hours, limits.calling_hours) if each and each.timezone), None)


def read_timezone(given: object) -> str | None:
    """Read a callee's time zone; an empty string is none.

    :raises InvalidCallError: if it is not the name of a region's zone.
    """
    if given is not None and not isinstance(given, str):
        raise InvalidCallError(f"timezone must be a string such as America/New_York, not {type(given).__name__}.")
    zone = given.strip() if given else None
    try:
        if zone:
            zone_of(zone)
    except FixedOffsetError as error:
        raise InvalidCallError(f"timezone {error}.") from None
    except ValueError:
        # The value is not repeated: from a wrong column, it may be personal data.
        raise InvalidCallError("timezone is not a time zone: write it like America/New_York.") from None
    return zone or None


def check_when(*, timezone: object, not_before: object, not_after: object) -> None:
    """Check a DAG's constraints, as far as they are known before the task runs.

    :raises TypeError: if one is neither a string nor a time.
    :raises ValueError: if one is invalid.
    """
    strings(timezone=timezone)
    for field, value in (("not_before", not_before), ("not_after", not_after)):
        if not isinstance(value, date):
            strings(**{field: value})
        elif isinstance(value, datetime) and value.tzinfo is None:
            raise ValueError(wrong(field, "a time with a time zone, such as 2026-11-23T15:00+01:00", value))
    known = [None if is_template(each) else each for each in (timezone, not_before, not_after)]
    try:
        read_timezone(known[0])
        Validity.read(*known[1:])
    except InvalidCallError as error:
        raise ValueError(str(error)) from None


def rules_for(limits: Limits, constraints: CallConstraints, to_number: str) -> Rules:
    """Return the rules of one call.

    :param to_number: in E.164.
    """
    hours = filter(None, (limits.calling_hours, constraints.calling_hours))
    windows = tuple(_window(each, constraints.timezone, to_number) for each in hours)
    allowed = limits.allowed_numbers is None or to_number in limits.allowed_numbers
    check = _ByTime(windows, constraints.not_before, allowed=allowed)
    own_zone = limits.calling_hours.timezone if limits.calling_hours else None
    return Rules(
        by_time=check.denial,
        closes_at=check.closes_at,
        not_after=constraints.not_after,
        caps=(*limits.max_calls_per_number, *constraints.max_calls_per_number),
        max_calls_per_day=limits.max_calls_per_day,
        max_minutes_per_day=limits.max_minutes_per_day,
        days_of=zone_of(own_zone) if own_zone else UTC,
        max_in_flight=limits.max_in_flight,
        calls_per_second=limits.calls_per_second,
        list_calls_per_second=constraints.calls_per_second,
        list_max_minutes=constraints.max_minutes,
    )


@dataclass(frozen=True, slots=True)
class _Window:
    """Calling hours where the callee is.

    :param unknown: what is not known of where they are, so that the hours are not known either.
    """

    hours: CallingHours
    zones: tuple[ZoneInfo, ...]
    unknown: str | None


def _window(hours: CallingHours, timezone: str | None, to_number: str) -> _Window:
    unknown = None
    try:
        hours = hours.for_callee(to_number)
    except ValueError:
        unknown = _NO_HOLIDAYS
    zones = _zones(hours, timezone, to_number)
    return _Window(hours, zones, unknown if zones else _NO_ZONE)


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
    not_before: datetime | None
    allowed: bool

    def denial(self, now: datetime) -> Denial | None:
        if not self.allowed:
            return Denial(Rule.ALLOWED_NUMBERS)
        unknown = next(filter(None, (window.unknown for window in self.windows)), None)
        if unknown is not None:
            return Denial(Rule.TIMEZONE, facts={"reason": unknown})
        early = self.not_before is not None and now < self.not_before
        opens = self._opens_at(self.not_before if self.not_before is not None and early else now)
        if opens is None:
            return Denial(Rule.TIMEZONE, facts={"reason": _NEVER_OPEN})
        if opens <= now:
            return None
        return Denial(Rule.NOT_BEFORE if early else Rule.CALLING_HOURS, opens)

    def closes_at(self, now: datetime) -> datetime | None:
        times = [window.hours.closes_at(now, window.zones) for window in self.windows]
        return min(filter(None, times), default=None)

    def _opens_at(self, now: datetime) -> datetime | None:
        """Return the first time at which all windows are open; None where that is never."""
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
