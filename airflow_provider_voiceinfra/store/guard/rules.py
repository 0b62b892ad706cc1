"""What each call is checked against, and what the guard decides, as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

from airflow_provider_voiceinfra.store.models import CallState


class Rule(StrEnum):
    """A rule of the guard."""

    ALLOWED_NUMBERS = "allowed_numbers"
    TIMEZONE = "timezone"
    DO_NOT_CALL = "do_not_call"
    NOT_BEFORE = "not_before"
    NOT_AFTER = "not_after"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    CALLING_HOURS = "calling_hours"
    PER_NUMBER = "max_calls_per_number"
    PER_DAY = "max_calls_per_day"
    MINUTES_PER_DAY = "max_minutes_per_day"
    LIST_MINUTES = "max_minutes"
    IN_FLIGHT = "max_in_flight"
    PACE = "calls_per_second"

    @property
    def state(self) -> CallState:
        """The state of a call that it denies: blocked, or deferred."""
        return _BLOCKED.get(self, CallState.WAITING)


_BLOCKED = {
    Rule.ALLOWED_NUMBERS: CallState.NOT_ALLOWED,
    Rule.TIMEZONE: CallState.NO_TIMEZONE,
    Rule.DO_NOT_CALL: CallState.DO_NOT_CALL,
    Rule.NOT_AFTER: CallState.EXPIRED,
    Rule.CANCELLED: CallState.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Denial:
    """Why a call may not be placed: never (its rule blocks it), or not yet (its rule defers it).

    :param until: when to ask again, where that is known.
    :param pause_id: the pause that it met.
    :param facts: for the error message, without numbers or words of the call.
    """

    rule: Rule
    until: datetime | None = None
    pause_id: int | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> CallState:
        """The state of the call that is denied."""
        return self.rule.state


@dataclass(frozen=True, slots=True)
class DeniedCall:
    """A call that the guard has blocked or deferred.

    :param state: which of the two; an earlier denial may have been changed since, by cancelling what waited.
    """

    ref: str
    state: CallState
    denial: Denial


@dataclass(frozen=True, slots=True)
class SendSlot:
    """When one POST may begin, where there is a rate.

    :param send_at: the first byte is not written earlier.
    :param send_by: nor later than this.
    """

    send_at: datetime
    send_by: datetime


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the guard decides about a call, and what it has counted or reserved for it.

    :param denial: why it may not be placed; None where it may.
    :param counted_on: the day against whose limits it is counted, where days are counted.
    :param estimated_seconds: that it may talk, where minutes are limited.
    :param slot: its send slot, where there is a rate.
    """

    denial: Denial | None = None
    counted_on: str | None = None
    estimated_seconds: int | None = None
    slot: SendSlot | None = None


@dataclass(frozen=True, slots=True)
class Cap:
    """How often a number may be called.

    :param calls: at most so many.
    :param within: in any span of this length.
    """

    calls: int
    within: timedelta


def _always(_: datetime) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one call. Pauses and do-not-call are not among them: they are the store's, and always apply.

    :param by_time: denies what may not be placed at a time: outside calling hours, or too late.
    :param closes_at: when a POST that is let through at a time must have begun; None for no such time.
    :param not_after: when the call expires.
    :param caps: of calls to the number, redials and calls of others included.
    :param max_calls_per_day: of a connection, in a calendar day.
    :param max_minutes_per_day: that the calls of a connection talk, in a calendar day.
    :param days_of: the zone of those days.
    :param max_in_flight: calls of a connection at a time.
    :param calls_per_second: of a connection; below 1 for fewer.
    :param list_calls_per_second: of the call's list.
    :param list_max_minutes: that the calls of the call's list talk.
    """

    by_time: Callable[[datetime], Denial | None] = _always
    closes_at: Callable[[datetime], datetime | None] = _always
    not_after: datetime | None = None
    caps: tuple[Cap, ...] = ()
    max_calls_per_day: int | None = None
    max_minutes_per_day: int | None = None
    days_of: tzinfo = UTC
    max_in_flight: int | None = None
    calls_per_second: float | None = None
    list_calls_per_second: float | None = None
    list_max_minutes: int | None = None

    @property
    def is_paced(self) -> bool:
        """Whether each POST needs a send slot."""
        return bool(self.calls_per_second or self.list_calls_per_second)

    @property
    def limits_minutes(self) -> bool:
        """Whether the seconds that the call may talk are counted."""
        return self.max_minutes_per_day is not None or self.list_max_minutes is not None

    def without_limits(self) -> Rules:
        """Return the same rules without those that depend on how the connection's and the list's other calls go."""
        return replace(
            self, max_calls_per_day=None, max_minutes_per_day=None, max_in_flight=None, list_max_minutes=None
        )
