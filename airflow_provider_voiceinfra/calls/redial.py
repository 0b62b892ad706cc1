"""Redialling calls that did not reach the callee."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow_provider_voiceinfra.arguments import choices, duration, flags, names, whole_number, wrong
from airflow_provider_voiceinfra.calls.extracted_values import is_given, read_goal, read_time
from airflow_provider_voiceinfra.guard.validity import Place
from airflow_provider_voiceinfra.store.models import ANSWERED, NO_GOAL, OUTCOMES, EndedCall, Extraction, Goal

_UNANSWERED = tuple(each for each in OUTCOMES if each != ANSWERED)
_DEFAULT_WAIT = timedelta(hours=2)
_LATEST_CALLBACK = timedelta(minutes=15)
"""By how much a callback may be late because the completion arrived late."""
_WANTED = "a dict such as {'voicemail': RedialRule(attempts=2)}"
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class RedialRule:
    """When to redial after calls that ended in one way.

    :param attempts: how many calls may end so; after the last of them the callee is not redialled.
    :param wait: from the end of one call to the next: a timedelta or seconds, or a list of them, one for each call that
        ended so. The last one of a list is repeated.
    :raises TypeError: if an argument is of another type.
    :raises ValueError: if an argument is out of range.
    """

    attempts: int = 3
    wait: timedelta | Sequence[timedelta] = _DEFAULT_WAIT

    def __post_init__(self) -> None:
        object.__setattr__(self, "attempts", whole_number("attempts", self.attempts, least=1))
        object.__setattr__(self, "wait", _waits(self.wait))


@dataclass(frozen=True, slots=True)
class Redial:
    """When to redial a callee. Never after a call that is overdue, or of which it is unknown whether it was placed.

    :param outcomes: after which the callee is redialled; default: ``["voicemail", "failed"]``, and ``no_goal`` if there
        is a ``goal``.
    :param attempts: maximum number of calls, the first one and callbacks included; only callbacks may exceed it.
    :param wait: from the end of one call to the next, as in :class:`.RedialRule`; default: two hours.
    :param rules: a rule for each outcome after which the callee is redialled, instead of ``outcomes`` and ``wait``.
    :param at: local times of the callee, such as ``["09:30", "18:00"]``: the next call is placed at the next of them
        after the wait, and at another one than the last call. Ignored where the callee's time zone is not known.
    :param goal: the extracted field that says whether an answered call has reached its goal, such as ``confirmed``. If
        it says no, the call's result is ``no_goal``, which has a rule of its own. If it is missing or unreadable, the
        callee is not redialled.
    :param callback_field: the extracted field with the time at which the callee asked to be called back: ISO 8601, in
        the callee's time zone if it has none. They are called back at that time, or not at all.
    :param callback_within: how long after a call a callback may be; a later one is ignored.
    :param callbacks: maximum number of callbacks.
    :param next_number: call the next of a row's numbers at each attempt, and the first one again after the last; by
        default, another number is called only if the one before it is on the do-not-call list.
    :raises TypeError: if an argument is of another type.
    :raises ValueError: if an outcome is not VoiceInfra's, or there is nothing to redial.
    """

    outcomes: InitVar[Collection[str] | None] = None
    attempts: int = 3
    wait: InitVar[timedelta | Sequence[timedelta] | None] = None
    rules: Mapping[str, RedialRule] = field(default_factory=dict)
    at: Sequence[str] = ()
    goal: str | None = None
    callback_field: str | None = None
    callback_within: timedelta = timedelta(days=3)
    callbacks: int = 1
    next_number: bool = False

    def __post_init__(self, outcomes: Collection[str] | None, wait: timedelta | Sequence[timedelta] | None) -> None:
        if self.rules and (outcomes is not None or wait is not None):
            raise ValueError("give Redial either rules, each with its wait, or outcomes and wait")
        flags(next_number=self.next_number)
        for name in ("goal", "callback_field"):
            _check_field(name, getattr(self, name))
        attempts = whole_number("attempts", self.attempts, least=2 if self.callback_field is None else 1)
        known = self._results()
        rules = _check_rules(self.rules, known) if self.rules else _same_rules(outcomes, known, attempts, wait)
        object.__setattr__(self, "attempts", attempts)
        object.__setattr__(self, "callback_within", duration("callback_within", self.callback_within))
        object.__setattr__(self, "callbacks", whole_number("callbacks", self.callbacks, least=1))
        object.__setattr__(self, "rules", rules)
        object.__setattr__(self, "at", tuple(sorted(map(_local_time, names("at", self.at)))))

    def _results(self) -> tuple[str, ...]:
        """List the results that may have a rule. Where extracted data decides, only a missed goal has one."""
        return (*(_UNANSWERED if self.reads_extraction else OUTCOMES), *(() if self.goal is None else (NO_GOAL,)))

    @property
    def reads_extraction(self) -> bool:
        """Whether it depends on what the agent extracts from answered calls."""
        return self.goal is not None or self.callback_field is not None

    @property
    def outcomes_redialled(self) -> tuple[str, ...]:
        """The outcomes after which there may be another call."""
        return (*(each for each in self.rules if each != NO_GOAL), *((ANSWERED,) if self.reads_extraction else ()))

    def needs_extraction(self, call: EndedCall) -> bool:
        """Return whether extracted data of a call decides, and is not recorded yet."""
        return self.reads_extraction and call.outcome == ANSWERED and call.extraction is None

    def read_extraction(self, calls: Sequence[EndedCall], extracted: Mapping[str, Any], place: Place) -> Extraction:
        """Return what the agent extracted from an answered call, as far as it decides.

        :param calls: of this intent so far, each completed, the latest last.
        :param extracted: the data that the agent extracted in the latest.
        :param place: where the callee is.
        """
        call = calls[-1]
        goal = None if self.goal is None else read_goal(extracted.get(self.goal))
        wanted = None if self.callback_field is None else extracted.get(self.callback_field)
        if not is_given(wanted):
            return Extraction(goal)
        at = read_time(wanted, call.placed_at, place.zones())
        # A time that is over when the completion arrives is not the time that the callee asked for any more.
        earliest = max(call.placed_at, call.ended_at - _LATEST_CALLBACK)
        is_usable = at is not None and earliest < at <= call.ended_at + self.callback_within
        made = sum(each.extraction is not None and each.extraction.callback_at is not None for each in calls[:-1])
        if goal is Goal.MET or not is_usable or made >= self.callbacks:
            return Extraction(goal, is_callback_ignored=True)
        return Extraction(goal, at)

    def next_at(self, calls: Sequence[EndedCall], place: Place) -> datetime | None:
        """Return when to redial; None to not redial.

        :param calls: of this intent so far, each completed, the latest last.
        :param place: where the callee is.
        """
        last = calls[-1]
        if last.extraction is not None and last.extraction.requests_callback:
            return last.extraction.callback_at
        rule = self.rules.get(last.result)
        ended_so = sum(each.result == last.result for each in calls)
        if rule is None or last.attempt >= self.attempts or ended_so >= rule.attempts:
            return None
        waits = _waits(rule.wait)
        earliest = last.ended_at + waits[min(ended_so, len(waits)) - 1]
        zone = next(iter(place.zones()), None)
        return earliest if zone is None or not self.at else self._time_of_day(earliest, last.placed_at, zone)

    def _time_of_day(self, earliest: datetime, placed_at: datetime, zone: ZoneInfo) -> datetime:
        before = placed_at.astimezone(zone).strftime("%H:%M")
        # Before the first one of a day, the last call was one of the evening before.
        last = max((each for each in self.at if each <= before), default=self.at[-1])
        usable = [each for each in self.at if each != last] or self.at
        today = earliest.astimezone(zone).date()
        # The day after tomorrow, where clocks are set back at midnight.
        moments = (
            datetime.combine(today + timedelta(days=days), time.fromisoformat(each), zone).astimezone(UTC)
            for days in range(3)
            for each in usable
        )
        return next(moment for moment in moments if moment >= earliest)


def _check_field(argument: str, name: object) -> None:
    if name is not None and (not isinstance(name, str) or not name.strip()):
        raise ValueError(wrong(argument, "the name of an extracted field, such as 'confirmed'", name))


def _same_rules(
    outcomes: Collection[str] | None,
    known: Sequence[str],
    attempts: int,
    wait: timedelta | Sequence[timedelta] | None,
) -> dict[str, RedialRule]:
    default = [each for each in known if each != ANSWERED]
    chosen = choices("outcomes", default if outcomes is None else outcomes, known)
    if not chosen:
        raise ValueError(f"outcomes must name one of {', '.join(known)}")
    return dict.fromkeys(chosen, RedialRule(attempts, _DEFAULT_WAIT if wait is None else wait))


def _check_rules(rules: object, known: Sequence[str]) -> dict[str, RedialRule]:
    if not isinstance(rules, Mapping):
        raise TypeError(wrong("rules", _WANTED, rules))
    for outcome in choices("rules", list(rules), known):
        if not isinstance(rules[outcome], RedialRule):
            raise TypeError(wrong("rules", _WANTED, rules))
    return dict(rules)


def _waits(given: object) -> tuple[timedelta, ...]:
    if isinstance(given, Sequence) and not isinstance(given, str) and given:
        return tuple(duration("wait", each) for each in given)
    return (duration("wait", given),)


def _local_time(text: str) -> str:
    if not _TIME.fullmatch(text):
        raise ValueError(wrong("at", "a list of local times such as ['09:30', '18:00']", text))
    return text
