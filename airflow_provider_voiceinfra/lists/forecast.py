"""When a list will be done: how its rows fit into calling hours, lines, pace and the limits of each day."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from airflow_provider_voiceinfra.guard.openings import Opening
from airflow_provider_voiceinfra.store.guard.rules import Rules

_HORIZON = timedelta(days=60)
_SHORTEST_STEP = timedelta(seconds=1)
_NOTHING = 1e-6
_FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Capacity:
    """How fast a list may dial.

    :param lines: calls in progress at a time.
    :param call_seconds: for which a call takes a line.
    :param calls_per_second: None for no limit.
    :param calls_per_day: the same.
    :param left_today: of the calls per day; None for no limit.
    :param left_in_all: of the list's calls; None for no limit.
    :param days_of: the time zone of the days.
    """

    lines: int
    call_seconds: float
    calls_per_second: float | None = None
    calls_per_day: float | None = None
    left_today: float | None = None
    left_in_all: float | None = None
    days_of: tzinfo = UTC

    @property
    def rate(self) -> float:
        """Calls a second, while lines, pace and rows are all that limits them."""
        return min(self.lines / max(self.call_seconds, 1.0), self.calls_per_second or math.inf)


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows that may be called at the same times.

    :param due_at: they are not called earlier.
    :param rules: of one of them.
    """

    count: float
    due_at: datetime
    rules: Rules

    def next_opening(self, at: datetime) -> Opening | None:
        """Return when they may be called, at a time or later; None for never."""
        begin = max(at, self.due_at)
        denial = self.rules.by_time(begin)
        opens = begin if denial is None else denial.until
        if opens is None:
            return None
        closes = min(filter(None, (self.rules.closes_at(opens), self.rules.not_after)), default=_FOREVER)
        return (opens, closes) if opens < closes else None


@dataclass(frozen=True, slots=True)
class ListForecast:
    """When a list will be done.

    :param done_at: when its last call will have ended; None if nobody will be called.
    :param not_called: how many rows will expire, or be given up, before they can be called.
    """

    done_at: datetime | None
    not_called: int


def forecast_list(groups: Sequence[RowGroup], capacity: Capacity, now: datetime) -> ListForecast:
    """Simulate the calls of a list from now on. Redials are not known yet, and not counted."""
    return _Simulation(groups, capacity, now).run()


class _Simulation:
    """Places calls step by step: in each step, the same groups may be called."""

    def __init__(self, groups: Sequence[RowGroup], capacity: Capacity, now: datetime) -> None:
        self._groups = sorted(groups, key=lambda group: group.due_at)
        self._left = {index: group.count for index, group in enumerate(self._groups)}
        # When each group may be called next, or may be called now: computed once for each opening.
        self._openings: dict[int, Opening] = {}
        self._capacity = capacity
        self._at, self._end = now, now + _HORIZON
        self._left_today = math.inf if capacity.left_today is None else capacity.left_today
        self._left_in_all = math.inf if capacity.left_in_all is None else capacity.left_in_all
        self._day = self._local_day()
        self._placed_at: datetime | None = None
        self._not_called = 0.0

    def run(self) -> ListForecast:
        while self._left and self._at < self._end and self._left_in_all > _NOTHING:
            self._begin_day()
            self._find_openings()
            self._place([index for index in self._left if self._openings[index][0] <= self._at], self._next_change())
        done_at = self._placed_at and self._placed_at + timedelta(seconds=self._capacity.call_seconds)
        return ListForecast(done_at, round(self._not_called + sum(self._left.values())))

    def _place(self, is_open: list[int], change: datetime) -> None:
        """Place the calls of open groups until something changes."""
        rate, needed = self._capacity.rate, sum(self._left[index] for index in is_open)
        in_time = rate * (change - self._at).total_seconds()
        count = min(needed, in_time, self._left_today, self._left_in_all)
        if count <= _NOTHING:
            self._at = change
            return
        self._left_today -= count
        self._left_in_all -= count
        self._at = self._placed_at = min(change, self._at + timedelta(seconds=count / rate))
        for index in is_open:
            placed = min(count, self._left[index])
            count -= placed
            self._left[index] -= placed
            if self._left[index] <= _NOTHING:
                del self._left[index]

    def _find_openings(self) -> None:
        """Find when the groups that are left may be called; those that never may are not called."""
        for index in list(self._left):
            known = self._openings.get(index)
            if known is not None and self._at < known[1]:
                continue
            opening = self._groups[index].next_opening(self._at)
            if opening is None:
                self._not_called += self._left.pop(index)
            else:
                self._openings[index] = opening

    def _next_change(self) -> datetime:
        """Return when other groups may be called than now, or another day begins."""
        openings = [self._openings[index] for index in self._left]
        change = min((closes if opens <= self._at else opens for opens, closes in openings), default=self._end)
        if self._capacity.calls_per_day is not None:
            midnight = datetime.combine(self._day + timedelta(days=1), time(), self._capacity.days_of)
            change = min(change, midnight.astimezone(UTC))
        return max(min(change, self._end), self._at + _SHORTEST_STEP)

    def _begin_day(self) -> None:
        if self._capacity.calls_per_day is not None and self._local_day() != self._day:
            self._day, self._left_today = self._local_day(), self._capacity.calls_per_day

    def _local_day(self) -> date:
        return self._at.astimezone(self._capacity.days_of).date()
