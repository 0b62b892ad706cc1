"""How much of its limits a connection or a list has used: the minutes of its calls, and its send slots."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from math import floor
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.guard.rules import Denial, Rule, SendSlot, Verdict
from airflow_provider_voiceinfra.store.models import CallState, Realm

LONGEST_WAIT = timedelta(seconds=5)
"""How far ahead a send slot may be reserved; a call whose slot would be later asks again then."""
MINUTES_INTERVAL = timedelta(minutes=1)
"""After which minutes are asked for again that calls in progress may leave."""

SHORTEST_SLOT = timedelta(milliseconds=20)
"""How late a POST may begin in its slot at least: threads of a busy machine wake that late."""
_SPACING = 1.02
"""Slots are this much further apart than the rate asks for: so POSTs that are late fill no second too much."""
# As the index says it.
IS_OPEN = schema.call.c.state.in_(
    [sa.literal_column(f"'{state}'") for state in (CallState.CLAIMED, CallState.QUEUED, CallState.UNKNOWN)]
)

_budget, _call = schema.budget.c, schema.call.c

# Made once, as all statements here and in the modules that use it: most claims need them.
_IS_BUDGET = (
    _budget.environment == sa.bindparam("its_environment"),
    _budget.realm == sa.bindparam("its_realm"),
    _budget.name == sa.bindparam("its_name"),
)
_LOCK = sa.select(schema.budget).where(*_IS_BUDGET).with_for_update()
_WRITE = (
    sa.update(schema.budget)
    .where(*_IS_BUDGET)
    .values({name: sa.bindparam(f"new_{name}") for name in ("day", "calls", "talked_seconds", "next_at")})
)
OF_CONNECTION = (
    _call.environment == sa.bindparam("its_environment"),
    _call.realm == sa.bindparam("its_realm"),
    _call.conn_id == sa.bindparam("conn_id"),
)
"""Selects the calls of a connection."""


def sum_of(column: sa.Column[Any], *where: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Select the sum of a column, 0 for no rows."""
    return sa.select(sa.func.coalesce(sa.func.sum(column), 0)).where(*where)


class RateBudget:
    """What one connection or list has used, in one transaction, which has its row locked from here on.

    No completion is counted meanwhile: what is read of calls in progress fits the minutes that are counted.

    :param environment: of the claims that count.
    :param realm: of the claims that count.
    :param name: of the connection, or the list's id.
    :param conn_id: of the connection.
    """

    def __init__(
        self, tx: sa.Connection, environment: str, realm: Realm, name: str, conn_id: str, now: datetime
    ) -> None:
        self._tx = tx
        self._key = {"its_environment": environment, "its_realm": realm, "its_name": name}
        self._conn_id = conn_id
        self._row = self._locked(now)
        self._talked: int | None = self._row.talked_seconds
        # That calls in progress may talk, once it is counted.
        self._reserved: int | None = None
        self.next_at: datetime = self._row.next_at

    def reserve(self, seconds: int) -> None:
        """Count the estimated seconds of a call that is about to be claimed."""
        if self._reserved is not None:
            self._reserved += seconds

    def write(self) -> None:
        """Write what was counted."""
        before = self._row._mapping  # noqa: SLF001 - SQLAlchemy's public name
        used = {name: before[name] for name in ("day", "calls", "talked_seconds", "next_at")} | self._used()
        if any(before[name] != value for name, value in used.items()):
            self._tx.execute(_WRITE, self._key | {f"new_{name}": value for name, value in used.items()})

    def _used(self) -> dict[str, Any]:
        return {"talked_seconds": self._talked, "next_at": self.next_at}

    def _deny_minutes(
        self, rule: Rule, minutes: int, now: datetime, over_at: datetime | None, besides: int
    ) -> Denial | None:
        """Deny a call where the minutes are used up.

        :param over_at: until when they are, once they are talked; None for ever.
        :param besides: estimated seconds that are the call's own.
        """
        if self._talked is None:
            self._talked = self._sum_talked(now)
        if self._reserved is None:
            self._reserved = self._sum_estimated(now)
        limit = 60 * minutes
        if self._talked + self._reserved - besides < limit:
            return None
        self._reserved -= besides
        soon = now + MINUTES_INTERVAL
        until = over_at if self._talked >= limit else min(soon, over_at or soon)
        return Denial(rule, until, facts={"limit": str(minutes)})

    def _sum_talked(self, now: datetime) -> int:
        """Sum up what calls have talked that nobody has counted yet: once, where a limit is new."""
        raise NotImplementedError

    def _sum_estimated(self, now: datetime) -> int:
        """Sum up what calls in progress may talk."""
        raise NotImplementedError

    def _ask(self, query: sa.Select[Any], **values: Any) -> int:
        """Ask for a number about the calls of the connection."""
        return int(self._tx.execute(query, self._key | {"conn_id": self._conn_id} | values).scalar_one())

    def _locked(self, now: datetime) -> Any:
        row = self._tx.execute(_LOCK, self._key).one_or_none()
        if row is None:
            key = {name.removeprefix("its_"): value for name, value in self._key.items()}
            new = {**key, "day": date.min.isoformat(), "calls": 0, "next_at": now}
            self._tx.execute(schema.insert(self._tx, schema.budget).values(new).on_conflict_do_nothing())
            row = self._tx.execute(_LOCK, self._key).one()
        return row


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
