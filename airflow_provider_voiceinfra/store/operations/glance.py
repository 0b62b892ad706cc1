"""How calling goes: what is going on now, how calls have ended, and whether webhooks come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.inbox.completions import Completions
from airflow_provider_voiceinfra.store.inbox.quarantine import Quarantine
from airflow_provider_voiceinfra.store.inbox.rejected_webhooks import Refusals
from airflow_provider_voiceinfra.store.models import CallState
from airflow_provider_voiceinfra.store.reads.call_hours import counted_to, what_was_said

MOST = 5_000
"""So many calls of a state are counted; more are told as so many."""
TAIL = 5_000
"""So many completions that are not in their hours yet are counted one by one."""

READ = 300
"""So many of them are read for how long people talked; where there are more, that is told a minute later."""

_call, _completion, _hour = schema.call.c, schema.completion.c, schema.call_hour.c
_Ended = tuple[datetime, str]
_GOING_ON = (CallState.CLAIMED, CallState.QUEUED)


@dataclass(frozen=True, slots=True)
class HourCount:
    """How many calls that began in an hour ended in a way, and for how long people talked."""

    hour: datetime
    outcome: str
    calls: int
    talk_seconds: int


@dataclass(frozen=True, slots=True)
class Hours:
    """How calls have ended.

    :param behind: whether past completions are still being counted.
    """

    counts: list[HourCount]
    behind: bool


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Whether webhooks come, for all environments: they have one receiver.

    :param newest: when the newest completion arrived.
    :param refused: in the last day, because nobody we know had signed them.
    :param unmatched: completions of calls that nobody placed from any environment.
    """

    newest: datetime | None
    refused: int
    quarantined: int
    unmatched: int


class Glance:
    """Takes a glance at calling.

    :param database: the store's database.
    :param environment: the calls of others are not counted.
    """

    def __init__(self, database: Database, environment: str) -> None:
        self._database = database
        self._environment = environment

    def hours(self, since: datetime, dag_ids: Collection[str] | None = None) -> Hours:
        """Count how the calls of the hours since a time have ended.

        :param dag_ids: only calls of these DAGs; None for all calls, also of no DAG.
        """
        seen = [] if dag_ids is None else [_hour.dag_id.in_(dag_ids)]
        query = (
            sa.select(_hour.hour, _hour.outcome, sa.func.sum(_hour.calls), sa.func.sum(_hour.talk_seconds))
            .where(_hour.environment == self._environment, _hour.hour >= since, *seen)
            .group_by(_hour.hour, _hour.outcome)
            .order_by(_hour.hour, _hour.outcome)
        )
        with self._database.read() as tx:
            counts = [HourCount(*row[:2], int(row[2]), int(row[3])) for row in tx.execute(query)]
            tail, behind = self._tail(tx, since, dag_ids)
        return Hours(counts + tail, behind)

    def count(self, dag_ids: Collection[str] | None = None) -> dict[str, int]:
        """Count the calls that are going on, wait, are unknown and are overdue, each up to a limit."""
        with self._database.read() as tx:
            now = time_of(tx)
            return {
                "going_on": sum(self._count(tx, state, dag_ids, _call.deadline > now) for state in _GOING_ON),
                **{
                    state.value: self._count(tx, state, dag_ids)
                    for state in (CallState.WAITING, CallState.UNKNOWN, CallState.OVERDUE)
                },
            }

    def webhooks(self) -> Webhooks:
        """Look whether webhooks come."""
        with self._database.read() as tx:
            unmatched = tx.scalar(sa.select(sa.func.count()).select_from(schema.unmatched)) or 0
        return Webhooks(
            newest=Completions(self._database, self._environment).newest_arrival(),
            refused=Refusals(self._database).since(self._database.clock.now() - timedelta(days=1)),
            quarantined=Quarantine(self._database).count(),
            unmatched=unmatched,
        )

    def _count(
        self, tx: sa.Connection, state: CallState, dag_ids: Collection[str] | None, *more: sa.ColumnElement[bool]
    ) -> int:
        """Count calls of a state among the newest of them."""
        fits = sa.and_(sa.true(), *self._seen(dag_ids), *more).label("fits")
        mine = (_call.state == state, _call.environment == self._environment)
        newest = sa.select(fits).where(*mine).order_by(_call.claimed_at.desc()).limit(MOST).subquery()
        return tx.scalar(sa.select(sa.func.count()).select_from(newest).where(newest.c.fits)) or 0

    def _tail(
        self, tx: sa.Connection, since: datetime, dag_ids: Collection[str] | None
    ) -> tuple[list[HourCount], bool]:
        """Count the completions that are in no hour yet."""
        uncounted = (
            sa.select(_completion.id, _completion.call_id, _completion.outcome, _completion.received_at)
            .where(_completion.id > counted_to(tx), _completion.first)
            .order_by(_completion.id)
            .limit(TAIL + 1)
            .subquery()
        )
        of_call = sa.and_(_call.call_id == uncounted.c.call_id, _call.completion_id == uncounted.c.id)
        ours = sa.and_(_call.environment == self._environment, *self._seen(dag_ids))
        fits = sa.and_(_call.id.is_not(None), ours).label("fits")
        query = sa.select(uncounted.c.id, uncounted.c.received_at, uncounted.c.outcome, fits)
        joined = query.select_from(uncounted.outerjoin(schema.call, of_call)).order_by(uncounted.c.id)
        rows = tx.execute(joined).all()
        if len(rows) > TAIL:
            return [], True
        rows = [row for row in rows if row.fits and row.received_at >= since]
        talked, calls, seconds = _talked(tx, [row.id for row in rows[:READ]]), Counter[_Ended](), Counter[_Ended]()
        for row in rows:
            ended = row.received_at.replace(minute=0, second=0, microsecond=0), row.outcome
            calls[ended] += 1
            seconds[ended] += talked.get(row.id, 0)
        return [HourCount(*ended, calls[ended], seconds[ended]) for ended in sorted(calls)], False

    @staticmethod
    def _seen(dag_ids: Collection[str] | None) -> list[sa.ColumnElement[bool]]:
        return [] if dag_ids is None else [_call.dag_id.in_(dag_ids)]


def _talked(tx: sa.Connection, ids: Collection[int]) -> dict[int, int]:
    """Read for how many seconds people talked, by completion."""
    query = sa.select(_completion.id, _completion.received_at, _completion.body).where(_completion.id.in_(ids))
    return {row.id: what_was_said(row)[1] for row in tx.execute(query)}
