"""How much of its limits a connection or a list has used: calls of a day, calls in flight, send slots by the second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta
from math import floor
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.engine import update_at_end
from airflow_provider_voiceinfra.store.guard.rules import Denial, Rule, Rules, SendSlot, Verdict
from airflow_provider_voiceinfra.store.models import MAY_HAVE_RUNG, CallState, Realm

LONGEST_WAIT = timedelta(seconds=5)
"""How far ahead a send slot may be reserved; a call whose slot would be later asks again then."""
LINES_INTERVAL = timedelta(seconds=10)
"""After which a free line is looked for again."""

SHORTEST_SLOT = timedelta(milliseconds=20)
"""How late a POST may begin in its slot at least: threads of a busy machine wake that late."""
_SPACING = 1.02
"""Slots are this much further apart than the rate asks for: so POSTs that are late fill no second too much."""

_budget, _call = schema.budget.c, schema.call.c


class RateBudget:
    """What one connection or list has used, in one transaction, which has its row locked from here on.

    :param environment: of the claims that count.
    :param realm: of the claims that count.
    :param name: of the connection, or the list's id.
    """

    def __init__(self, tx: sa.Connection, environment: str, realm: Realm, name: str, now: datetime) -> None:
        self._tx = tx
        self._environment = environment
        self._realm = realm
        self._name = name
        self._is = (_budget.environment == environment, _budget.realm == realm, _budget.name == name)
        self._row = self._locked(now)
        self._calls: int = self._row.calls
        self._day: str = self._row.day
        # Busy ones, once they are counted.
        self._lines: int | None = None
        self.next_at: datetime = self._row.next_at

    def count(self, rules: Rules, now: datetime) -> Verdict:
        """Count a call that is about to be claimed, unless it would exceed a limit."""
        denial = self._denial_by_lines(rules, now) or self._denial_by_day(rules, now)
        if denial is not None:
            return Verdict(denial)
        if self._lines is not None:
            self._lines += 1
        if rules.max_calls_per_day is None:
            return Verdict()
        self._calls += 1
        return Verdict(counted_on=self._day)

    def write(self) -> None:
        """Write what was counted."""
        used = {"calls": self._calls, "day": self._day, "next_at": self.next_at}
        changed = {name: value for name, value in used.items() if value != self._row._mapping[name]}  # noqa: SLF001 - SQLAlchemy's public name
        if changed:
            self._tx.execute(sa.update(schema.budget).where(*self._is).values(changed))

    def _denial_by_lines(self, rules: Rules, now: datetime) -> Denial | None:
        limit = rules.max_in_flight
        if limit is None:
            return None
        if self._lines is None:
            self._lines = self._in_flight(limit, now)
        if self._lines < limit:
            return None
        return Denial(Rule.IN_FLIGHT, now + LINES_INTERVAL, facts={"limit": str(limit)})

    def _denial_by_day(self, rules: Rules, now: datetime) -> Denial | None:
        limit = rules.max_calls_per_day
        if limit is None:
            return None
        today = now.astimezone(rules.days_of).date()
        if self._day != today.isoformat():
            self._day, self._calls = today.isoformat(), self._calls_since(_midnight(today, rules))
        if self._calls < limit:
            return None
        return Denial(Rule.PER_DAY, _midnight(today + timedelta(days=1), rules), facts={"limit": str(limit)})

    def _locked(self, now: datetime) -> Any:
        key = {"environment": self._environment, "realm": self._realm, "name": self._name}
        row = {**key, "day": date.min.isoformat(), "calls": 0, "next_at": now}
        self._tx.execute(schema.insert(self._tx, schema.budget).values(row).on_conflict_do_nothing())
        return self._tx.execute(sa.select(schema.budget).where(*self._is).with_for_update()).one()

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
        return self._count(_call.state.in_(MAY_HAVE_RUNG), _call.claimed_at >= midnight)

    def _count(self, *where: sa.ColumnElement[bool], limit: int | None = None) -> int:
        mine = (_call.environment == self._environment, _call.realm == self._realm, _call.conn_id == self._name)
        found = sa.select(sa.literal(1)).select_from(schema.call).where(*mine, *where).limit(limit)
        return self._tx.scalar(sa.select(sa.func.count()).select_from(found.subquery())) or 0


def reserve_slot(paced: Sequence[tuple[RateBudget, float]], now: datetime) -> Verdict:
    """Reserve the next send slot: the generic cell rate algorithm (GCRA), without bursts.

    Wherever in their slots POSTs begin, no second sees more than one above the rate.

    :param paced: the budgets that the POST counts against, each with its calls per second.
    :return: with the slot; denied where it would be too far ahead.
    """
    send_at: datetime = max(now, *(budget.next_at for budget, _ in paced))
    if send_at - now > LONGEST_WAIT:
        return Verdict(Denial(Rule.PACE, send_at, facts={"limit": f"{min(rate for _, rate in paced):g}"}))
    for budget, rate in paced:
        budget.next_at = send_at + timedelta(seconds=_SPACING / rate)
    return Verdict(slot=SendSlot(send_at, send_at + min(_length(rate) for _, rate in paced)))


def _length(rate: float) -> timedelta:
    """Let a POST be half as late as the rate allows; the other half is for the network."""
    allowed = (floor(rate) + 1) * _SPACING / rate - 1
    return max(SHORTEST_SLOT, timedelta(seconds=allowed / 2))


def refund(tx: sa.Connection, row_ids: Collection[int]) -> None:
    """Count calls no more against the day's limit, because nothing was sent; each is refunded once.

    :param row_ids: of the calls.
    """
    counted = (_call.id.in_(row_ids), _call.counted_on.is_not(None))
    counted_as = (_call.environment, _call.realm, _call.conn_id, _call.counted_on)
    rows = tx.execute(sa.select(*counted_as).where(*counted)).all()
    if not rows:
        return
    tx.execute(sa.update(schema.call).where(*counted).values(counted_on=None))
    for used, count in Counter(tuple(row) for row in rows).items():
        columns = (_budget.environment, _budget.realm, _budget.name, _budget.day)
        same = [column == value for column, value in zip(columns, used, strict=True)]
        update = sa.update(schema.budget).where(*same, _budget.calls >= count).values(calls=_budget.calls - count)
        update_at_end(tx, used, update)


def _midnight(day: date, rules: Rules) -> datetime:
    return datetime.combine(day, time(), rules.days_of).astimezone(UTC)
