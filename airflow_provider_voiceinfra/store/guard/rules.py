"""What every dial is checked against, as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

from airflow_provider_voiceinfra.store.models import CallState, NewCall

PERMIT_LIFETIME = timedelta(seconds=1.5)
"""How long a send permit lasts, and so how soon a pause has stopped every POST."""


class Rule(StrEnum):
    """A rule of the guard."""

    ALLOWED_NUMBERS = "allowed_numbers"
    TIMEZONE = "timezone"
    DO_NOT_CALL = "do_not_call"
    NOT_AFTER = "not_after"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    CALLING_HOURS = "calling_hours"
    MIN_INTERVAL = "min_interval_per_number"
    PER_DAY = "max_calls_per_day"
    IN_FLIGHT = "max_in_flight"
    PACE = "calls_per_second"

    @property
    def state(self) -> CallState:
        """Where it leaves a call that it refuses."""
        return _ENDS.get(self, CallState.WAITING)


_ENDS = {
    Rule.ALLOWED_NUMBERS: CallState.NOT_ALLOWED,
    Rule.TIMEZONE: CallState.NO_TIMEZONE,
    Rule.DO_NOT_CALL: CallState.DO_NOT_CALL,
    Rule.NOT_AFTER: CallState.EXPIRED,
    Rule.CANCELLED: CallState.CANCELLED,
    Rule.MIN_INTERVAL: CallState.CALLED_RECENTLY,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call is not dialled now, or not at all.

    :param until: when it may be worth to ask again, where that is known.
    :param pause_id: the pause that it met.
    :param facts: for the sentence that tells it, without numbers or words of the call.
    """

    rule: Rule
    until: datetime | None = None
    pause_id: int | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """The guard does not let a call be dialled.

    :param state: where that leaves the call.
    """

    ref: str
    state: CallState
    refusal: Refusal


def _always(_: datetime) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one dial. Pauses and do-not-call are not among them: they are the store's, and always apply.

    :param by_time: refuses what may not be dialled at a time: outside calling hours, or too late.
    :param closes_at: when a dial that is let through at a time must have begun to be sent; None for no such time.
    :param not_after: when the call is of no use any more.
    :param min_interval: between two calls of a person; the calls of one intent do not count.
    :param max_calls_per_day: of a connection, in a calendar day.
    :param days_of: the zone of those days.
    :param max_in_flight: calls of a connection that may be going on at a time.
    :param calls_per_second: of a connection; below 1 for fewer.
    :param list_calls_per_second: of the call's list.
    """

    by_time: Callable[[datetime], Refusal | None] = _always
    closes_at: Callable[[datetime], datetime | None] = _always
    not_after: datetime | None = None
    min_interval: timedelta | None = None
    max_calls_per_day: int | None = None
    days_of: tzinfo = UTC
    max_in_flight: int | None = None
    calls_per_second: float | None = None
    list_calls_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that somebody wants to dial, and the rules that it is checked against."""

    new: NewCall
    rules: Rules = Rules()


@dataclass(frozen=True, slots=True)
class Fence:
    """A send permit.

    :param valid_until: the first byte may be written until then; see :data:`PERMIT_LIFETIME`.
    :param send_at: when the POST's send slot begins, by ``calls_per_second``; None for at once.
    :param send_by: when its slot ends.
    """

    valid_until: datetime
    send_at: datetime | None = None
    send_by: datetime | None = None
