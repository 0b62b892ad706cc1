"""A second, simple implementation of what becomes of a list's row: which numbers are dialled when, and its result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from airflow_provider_voiceinfra.lists.source_rows import DUE_AGAIN
from airflow_provider_voiceinfra.store.guard.lifetimes import CLAIM_LIFETIME

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TALK = 2 * MINUTE
WITHIN = 72
"""Up to how many hours a callback may be later."""
LOOK = timedelta(seconds=1)
"""How long after the end of a claim a worker looks at it."""


@dataclass(frozen=True)
class Turn:
    """What happens when a row is about to be dialled.

    :param ends: how the call ends; ``killed`` if its worker is killed before the POST, ``lost`` if after it.
    :param goal: what the agent extracted; None for nothing.
    :param callback: in how many hours the callee asks to be called back; a string for an unreadable time.
    :param opts_out: whether they ask not to be called again, if they answer.
    :param listed: the index of a number that somebody puts on the do-not-call list during the call.
    """

    ends: str
    goal: bool | None = None
    callback: int | str | None = None
    opts_out: bool = False
    listed: int | None = None


@dataclass(frozen=True)
class Policy:
    """The redial policy and the cap of a row.

    :param rules: attempts and waits in hours, by result.
    :param callbacks: how many there may be; 0 if nobody listens to requests.
    :param cap: how many calls to a number, in how many hours.
    """

    rules: dict[str, tuple[int, list[int]]]
    attempts: int
    callbacks: int
    next_number: bool
    cap: tuple[int, int] | None


@dataclass(frozen=True)
class Expected:
    """Each dial with its time and the index of its number, and the result of the row."""

    dials: list[tuple[datetime, int]]
    result: str


class RowModel:
    """A row, played to its end.

    :param numbers: how many it has.
    """

    def __init__(self, policy: Policy, numbers: int, start: datetime) -> None:
        self._policy = policy
        self._numbers = numbers
        self._at = start
        self._first = 0
        self._reached_at: int | None = None
        self._listed: set[int] = set()
        self._results: Counter[str] = Counter()
        self._last_result: str | None = None
        self._callbacks = 0
        self._dials: list[tuple[datetime, int]] = []

    def play(self, turns: Sequence[Turn]) -> Expected:
        """Dial until the row has ended."""
        for turn in turns:
            number = self._next_number()
            if number is None:
                return Expected(self._dials, self._last_result or "do_not_call")
            self._wait_for_cap(number)
            if turn.ends == "killed":
                self._at += CLAIM_LIFETIME + LOOK + DUE_AGAIN
                continue
            self._dials.append((self._at, number))
            result = "unknown" if turn.ends == "lost" else self._end(turn, number)
            if result is not None:
                return Expected(self._dials, result)
        raise AssertionError("the row needs more turns")

    def _next_number(self) -> int | None:
        in_turn = [(self._first + step) % self._numbers for step in range(self._numbers)]
        candidates = in_turn if self._reached_at is None else [self._reached_at]
        return next((each for each in candidates if each not in self._listed), None)

    def _wait_for_cap(self, number: int) -> None:
        if self._policy.cap is not None:
            most, hours = self._policy.cap
            recent = [when for when, its in self._dials if its == number and when > self._at - hours * HOUR]
            if len(recent) >= most:
                self._at = recent[-most] + hours * HOUR

    def _end(self, turn: Turn, number: int) -> str | None:
        """End a call; return the row's result, or None if there is another call."""
        result = turn.ends
        self._listed |= set() if turn.listed is None else {turn.listed}
        self._first = (number + 1) % self._numbers if self._policy.next_number else number
        if turn.ends == "answered":
            self._reached_at = number
            result = "no_goal" if turn.goal is False else result
            self._listed |= set(range(self._numbers)) if turn.opts_out else set()
        self._results[result] += 1
        self._last_result = result
        if turn.ends == "answered" and self._policy.callbacks and turn.callback is not None:
            return self._call_back(turn, result)
        return self._redial(result)

    def _call_back(self, turn: Turn, result: str) -> str | None:
        is_usable = isinstance(turn.callback, int) and turn.callback <= WITHIN
        if turn.goal is True or not is_usable or self._callbacks == self._policy.callbacks:
            return result
        self._callbacks += 1
        self._at += int(turn.callback or 0) * HOUR
        return None

    def _redial(self, result: str) -> str | None:
        attempts, waits = self._policy.rules.get(result, (0, []))
        count = self._results[result]
        if len(self._dials) >= self._policy.attempts or count >= attempts:
            return result
        self._at += TALK + waits[min(count, len(waits)) - 1] * HOUR
        return None
