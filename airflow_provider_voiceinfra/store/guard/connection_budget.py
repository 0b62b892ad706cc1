"""How much of its limits a connection has used: calls of a day, calls in flight, minutes of a day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.guard.rate_budget import IS_OPEN, OF_CONNECTION, RateBudget, sum_of
from airflow_provider_voiceinfra.store.guard.rules import Denial, Rule, Rules
from airflow_provider_voiceinfra.store.models import MAY_HAVE_RUNG, CallState, Realm

LINES_INTERVAL = timedelta(seconds=10)
"""After which a free line is looked for again."""

_call = schema.call.c


def _counting(*where: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    """Count calls of the connection, as far as a limit."""
    found = sa.select(sa.literal(1)).select_from(schema.call).where(*OF_CONNECTION, *where).limit(sa.bindparam("most"))
    return sa.select(sa.func.count()).select_from(found.subquery()).scalar_subquery()


_NOW = sa.bindparam("now", type_=schema.UtcDateTime)
_SINCE_MIDNIGHT = _call.claimed_at >= sa.bindparam("midnight", type_=schema.UtcDateTime)
_IN_FLIGHT = sa.select(
    _counting(IS_OPEN, _call.deadline > _NOW)
    # One that is being placed has a line, however soon its completion should come.
    + _counting(_call.state == sa.literal_column(f"'{CallState.CLAIMED}'"), _call.deadline <= _NOW)
)
_OF_DAY = (
    sa.select(sa.func.count())
    .select_from(schema.call)
    .where(*OF_CONNECTION, _call.state.in_(MAY_HAVE_RUNG), _SINCE_MIDNIGHT)
)
_TALKED = sum_of(_call.duration_seconds, *OF_CONNECTION, _SINCE_MIDNIGHT)
_ESTIMATED = sum_of(
    _call.estimated_seconds, *OF_CONNECTION, IS_OPEN, _call.deadline > _NOW, _call.counted_on == sa.bindparam("day")
)


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
            # One whose completion has not come when it should have takes no line any more.
            self._lines = self._ask(_IN_FLIGHT, now=now, most=limit)
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
            self._calls = self._ask(_OF_DAY, midnight=self._midnight(today))
        return self._midnight(today + timedelta(days=1))

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self._zone).astimezone(UTC)

    def _sum_talked(self, now: datetime) -> int:
        return self._ask(_TALKED, midnight=self._midnight(now.astimezone(self._zone).date()))

    def _sum_estimated(self, now: datetime) -> int:
        return self._ask(_ESTIMATED, now=now, day=self._day)

    def _used(self) -> dict[str, Any]:
        return {"calls": self._calls, "day": self._day, **super()._used()}
