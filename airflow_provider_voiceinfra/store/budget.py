"""How much of its limits a connection has used: calls of a day, calls in flight, turns by the second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import tables
from airflow_provider_voiceinfra.store.database import update_last
from airflow_provider_voiceinfra.store.records import RANG, CallState
from airflow_provider_voiceinfra.store.rules import Refusal, Rule, Rules

LONGEST_TURN = timedelta(seconds=5)
"""How long a dial waits for its turn at most; then it asks again later."""
LINES_INTERVAL = timedelta(seconds=10)
"""After which a free line is looked for again."""
TURN_LENGTH = timedelta(milliseconds=20)
"""How long a turn lasts usually."""
_MARGIN = 1.02
"""Turns are this much further apart than they need be: each may be used so late, and still no second sees more."""

_budget, _call = tables.budget.c, tables.call.c


class Budget:
    """The limits of one connection, in one transaction. From the first question on, its row is held.

    :param environment: of the claims that count.
    """

    def __init__(self, tx: sa.Connection, environment: str, conn_id: str) -> None:
        self._tx = tx
        self._environment = environment
        self._conn_id = conn_id
        self._is = (_budget.environment == environment, _budget.conn_id == conn_id)

    def count(self, rules: Rules, now: datetime) -> Refusal | str | None:
        """Count a call that is about to be claimed.

        :return: the limit that it would exceed; or the day on which it is counted, where days are counted.
        """
        if rules.max_calls_per_day is None and rules.max_in_flight is None:
            return None
        row = self._hold_row(now)
        if rules.max_in_flight is not None and self._in_flight(rules.max_in_flight, now) >= rules.max_in_flight:
            return Refusal(Rule.IN_FLIGHT, now + LINES_INTERVAL, facts={"limit": str(rules.max_in_flight)})
        if rules.max_calls_per_day is None:
            return None
        # A worker that waited over midnight, or whose clock is behind, counts on the new day.
        today = max(now.astimezone(rules.days_of).date(), date.fromisoformat(row.day))
        calls = row.calls if row.day == today.isoformat() else self._calls_since(_midnight(today, rules))
        if calls >= rules.max_calls_per_day:
            return Refusal(
                Rule.PER_DAY, _midnight(today + timedelta(days=1), rules), facts={"limit": str(rules.max_calls_per_day)}
            )
        self._update(day=today.isoformat(), calls=calls + 1)
        return today.isoformat()

    def turn(self, rules: Rules, now: datetime, length: timedelta) -> datetime | Refusal | None:
        """Take a turn to send.

        :param length: how long it is to last; what is sent in it, no second sees more than the rate.
        :return: when it is; or the limit, where it would be too far away; or None for at once.
        """
        if rules.calls_per_second is None:
            return None
        turn: datetime = max(now, self._hold_row(now).next_at)
        if turn - now > LONGEST_TURN:
            return Refusal(Rule.PACE, turn, facts={"limit": f"{rules.calls_per_second:g}"})
        apart = timedelta(seconds=_MARGIN / rules.calls_per_second)
        self._update(next_at=turn + apart + max(timedelta(0), length - TURN_LENGTH))
        return turn

    def _hold_row(self, now: datetime) -> Any:
        key = {"environment": self._environment, "conn_id": self._conn_id}
        row = {**key, "day": date.min.isoformat(), "calls": 0, "next_at": now}
        self._tx.execute(tables.insert(self._tx, tables.budget).values(row).on_conflict_do_nothing())
        return self._tx.execute(sa.select(tables.budget).where(*self._is).with_for_update()).one()

    def _in_flight(self, limit: int, now: datetime) -> int:
        """Count the calls that are going on, as far as the limit.

        One whose completion has not come when it should have takes no line any more.
        """
        open_states = (CallState.CLAIMED, CallState.QUEUED, CallState.UNKNOWN)
        # As the index says it.
        is_open = _call.state.in_([sa.literal_column(f"'{state}'") for state in open_states])
        late_claims = (_call.state == CallState.CLAIMED, _call.deadline <= now)
        return self._count(is_open, _call.deadline > now, limit=limit) + self._count(*late_claims, limit=limit)

    def _calls_since(self, midnight: datetime) -> int:
        """Count the calls of a day that nobody has counted yet: once, where a limit is new."""
        return self._count(_call.state.in_(RANG), _call.claimed_at >= midnight)

    def _count(self, *where: sa.ColumnElement[bool], limit: int | None = None) -> int:
        mine = (_call.environment == self._environment, _call.conn_id == self._conn_id)
        found = sa.select(sa.literal(1)).select_from(tables.call).where(*mine, *where).limit(limit)
        return self._tx.scalar(sa.select(sa.func.count()).select_from(found.subquery())) or 0

    def _update(self, **values: Any) -> None:
        self._tx.execute(sa.update(tables.budget).where(*self._is).values(**values))


def give_back(tx: sa.Connection, row_ids: Collection[int]) -> None:
    """Count calls no more against the day's limit, because nothing was sent; each is given back once.

    :param row_ids: of the calls.
    """
    counted = (_call.id.in_(row_ids), _call.counted_on.is_not(None))
    rows = tx.execute(sa.select(_call.environment, _call.conn_id, _call.counted_on).where(*counted)).all()
    if not rows:
        return
    tx.execute(sa.update(tables.call).where(*counted).values(counted_on=None))
    for (environment, conn_id, day), count in Counter(tuple(row) for row in rows).items():
        same = (_budget.environment == environment, _budget.conn_id == conn_id, _budget.day == day)
        update = sa.update(tables.budget).where(*same, _budget.calls >= count).values(calls=_budget.calls - count)
        update_last(tx, (environment, conn_id, day), update)


def _midnight(day: date, rules: Rules) -> datetime:
    return datetime.combine(day, time(), rules.days_of).astimezone(UTC)
