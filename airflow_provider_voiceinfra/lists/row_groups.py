"""Groups the rows of a list by the times at which they may be called, so that a forecast is fast for long lists."""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias

from airflow_provider_voiceinfra.lists.forecast import RowGroup
from airflow_provider_voiceinfra.store.guard.rules import Rules

_When: TypeAlias = tuple[datetime, datetime | None, datetime | None]


class RowGroups:
    """Counts rows by the times at which they may be called next.

    :param now: nobody is called earlier.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._groups: dict[_When, tuple[int, Rules]] = {}

    def add(self, rules: Rules, due_at: datetime | None = None) -> None:
        """Count a row."""
        begin = self._now if due_at is None or due_at <= self._now else due_at.replace(second=0, microsecond=0)
        denial = rules.by_time(begin)
        opens = (denial.until if denial else None) or begin
        # To the hour, so that there are few groups where each row has its own.
        expires = rules.not_after and rules.not_after.replace(minute=0, second=0, microsecond=0)
        when = (opens, rules.closes_at(opens), expires)
        count, of_first = self._groups.get(when, (0, rules))
        self._groups[when] = (count + 1, of_first)

    def scaled_to(self, total: int | None = None) -> list[RowGroup]:
        """Return the groups.

        :param total: how many rows the counted ones stand for; None for themselves.
        """
        counted = sum(count for count, _ in self._groups.values())
        scale = 1.0 if total is None or not counted else total / counted
        return [RowGroup(count * scale, opens, rules) for (opens, *_), (count, rules) in self._groups.items()]
