"""How much of its limits a connection has used: calls of a day, calls in flight, minutes of a day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.guard.rate_budget import IS_OPEN, RateBudget
from airflow_provider_voiceinfra.store.guard.rules import Denial, Rule, Rules
from airflow_provider_voiceinfra.store.models import MAY_HAVE_RUNG, CallState, Realm

LINES_INTERVAL = timedelta(seconds=10)
"""After which a free line is looked for again."""

_call = schema.call.c


class ConnectionBudget(RateBudget):
    """What one connection has used; see :class:`RateBudget`.

    :param zone: of its days.
    """

    def __init__(
        self, tx: sa.Connection, environment: str, realm: Realm, conn_id: str, zone: tzinfo, now: datetime
    ) -> None:
        super().__init__(tx, environment, realm, conn_id, conn_id, now)
        self._zone = zone
        self._calls: int = self._row.calls
        self._day: str = self._row.day
        # Busy ones, once they are counted.
        self._lines: int | None = None

    def denial(self, rules: Rules, now: datetime) -> Denial | None:
        """Deny a call that is about to be claimed, if it would exceed a limit."""
        return self._deny_by_lines(rules, now) or self._deny_by_day(rules, now) or self.deny_minutes(rules, now)

    def count(self, rules: Rules, estimated_seconds: int) -> str | None:
        """Count a call that is about to be claimed.

        :return: the day on which it is counted, where days are.
        """
        if self._lines is not None:
            self._lines += 1
        self.reserve(estimated_seconds)
        if rules.max_calls_per_day is None and rules.max_minutes_per_day is None:
            return None
        self._calls += 1
        return self._day

    def deny_minutes(self, rules: Rules, now: datetime, besides: int = 0) -> Denial | None:
        """Deny a call where the minutes of the day are used up.

        :param besides: estimated seconds that are the call's own.
        """
        limit = rules.max_minutes_per_day
        if limit is None:
            return None
        return self._deny_minutes(Rule.MINUTES_PER_DAY, limit, now, self._begin_day(now), besides)

    def _deny_by_lines(self, rules: Rules, now: datetime) -> Denial | None:
        limit = rules.max_in_flight
        if limit is None:
            return None
        if self._lines is None:
            self._lines = self._in_flight(limit, now)
        if self._lines < limit:
            return None
        return Denial(Rule.IN_FLIGHT, now + LINES_INTERVAL, facts={"limit": str(limit)})

    def _deny_by_day(self, rules: Rules, now: datetime) -> Denial | None:
        limit = rules.max_calls_per_day
        if limit is None:
            return None
        tomorrow = self._begin_day(now)
        return None if self._calls < limit else Denial(Rule.PER_DAY, tomorrow, facts={"limit": str(limit)})

    def _begin_day(self, now: datetime) -> datetime:
        """Begin to count anew where the day is another.

        :return: when the next day begins.
        """
        today = now.astimezone(self._zone).date()
        if self._day != today.isoformat():
            self._day, self._talked, self._reserved = today.isoformat(), None, None
            self._calls = self._count(_call.state.in_(MAY_HAVE_RUNG), _call.claimed_at >= self._midnight(today))
        return self._midnight(today + timedelta(days=1))

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self._zone).astimezone(UTC)

    def _in_flight(self, limit: int, now: datetime) -> int:
        """Count the calls that are going on, as far as the limit.

        One whose completion has not come when it should have takes no line any more.
        """
        late_claims = (_call.state == CallState.CLAIMED, _call.deadline <= now)
        return self._count(IS_OPEN, _call.deadline > now, limit=limit) + self._count(*late_claims, limit=limit)

    def _count(self, *where: sa.ColumnElement[bool], limit: int | None = None) -> int:
        found = sa.select(sa.literal(1)).select_from(schema.call).where(*self._mine, *where).limit(limit)
        return self._tx.scalar(sa.select(sa.func.count()).select_from(found.subquery())) or 0

    def _talked_by(self, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
        return (*self._mine, _call.claimed_at >= self._midnight(now.astimezone(self._zone).date()))

    def _counted(self) -> tuple[sa.ColumnElement[bool], ...]:
        return (_call.counted_on == self._day,)

    def _used(self) -> dict[str, Any]:
        return {"calls": self._calls, "day": self._day, **super()._used()}
