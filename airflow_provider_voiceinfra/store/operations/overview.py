"""The overview of calling: what is going on now, how calls have ended, and whether webhooks arrive."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.feed.completed_calls import foreign_completions
from airflow_provider_voiceinfra.store.inbox.completions import Completions
from airflow_provider_voiceinfra.store.inbox.quarantine import Quarantine
from airflow_provider_voiceinfra.store.inbox.rejected_webhooks import RejectedWebhooks
from airflow_provider_voiceinfra.store.minute_cache import MinuteCache
from airflow_provider_voiceinfra.store.models import CallState

MAX_COUNTED = 5_000
"""Calls of a state that are counted; the page shows more than that as "5,000+"."""

_call = schema.call.c
_IN_FLIGHT = (CallState.CLAIMED, CallState.QUEUED)


@dataclass(frozen=True, slots=True)
class OverviewFilter:
    """Which calls the overview is about; all given conditions must hold."""

    dag_id: str | None = None
    agent_id: str | None = None
    list_id: str | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """Return the conditions in SQL."""
        wanted = {_call.dag_id: self.dag_id, _call.agent_id: self.agent_id, _call.list_id: self.list_id}
        return [column == value for column, value in wanted.items() if value is not None]


ALL_CALLS = OverviewFilter()
_Key = tuple[datetime, frozenset[str] | None, OverviewFilter]


@dataclass(frozen=True, slots=True)
class HourCount:
    """The completed calls that began in one hour and had one outcome.

    :param talk_seconds: the sum of their durations.
    """

    hour: datetime
    outcome: str
    calls: int
    talk_seconds: int


@dataclass(frozen=True, slots=True)
class Hours:
    """How calls have ended, hour by hour.

    :param counted_at: when they were counted; a result is cached for a minute.
    """

    counts: list[HourCount]
    counted_at: datetime


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Whether webhooks arrive, for all environments: they share one receiver.

    :param newest: when the newest completion arrived.
    :param rejected: in the last day, because their signature was not valid.
    :param unmatched: completions of calls that were not placed from any environment.
    """

    newest: datetime | None
    rejected: int
    quarantined: int
    unmatched: int


class Overview:
    """Reads the figures of the overview.

    :param environment: calls of other environments are not counted.
    :param monotonic: a clock for the cache, in seconds.
    """

    def __init__(self, database: Database, environment: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._environment = environment
        # Each period, each set of visible DAGs and each filter has its own result.
        self._hours = MinuteCache[_Key, Hours](monotonic)

    def hours(
        self, since: datetime, dag_ids: Collection[str] | None = None, wanted: OverviewFilter = ALL_CALLS
    ) -> Hours:
        """Count how the calls that began since a time have ended; the result is cached for a minute.

        :param since: the beginning of an hour, at most 31 days ago.
        :param dag_ids: only calls of these DAGs; None for all calls, including those without a DAG.
        """
        key = since, None if dag_ids is None else frozenset(dag_ids), wanted
        return self._hours.get(key, lambda: self._count_hours(*key))

    def count(self, dag_ids: Collection[str] | None = None, wanted: OverviewFilter = ALL_CALLS) -> dict[str, int]:
        """Count the calls that are in flight, waiting, unknown and overdue, each up to :data:`MAX_COUNTED`."""
        with self._database.read() as tx:
            now, these = time_of(tx), (*_visible(dag_ids), *wanted.conditions())
            return {
                "in_flight": sum(self._count(tx, state, *these, _call.deadline > now) for state in _IN_FLIGHT),
                **{
                    state.value: self._count(tx, state, *these)
                    for state in (CallState.WAITING, CallState.UNKNOWN, CallState.OVERDUE)
                },
            }

    def webhooks(self) -> Webhooks:
        """Read whether webhooks arrive."""
        with self._database.read() as tx:
            unmatched = len(foreign_completions(tx))
        return Webhooks(
            newest=Completions(self._database, self._environment).newest_arrival(),
            rejected=RejectedWebhooks(self._database).since(self._database.clock.now() - timedelta(days=1)),
            quarantined=Quarantine(self._database).count(),
            unmatched=unmatched,
        )

    def _count_hours(self, since: datetime, dag_ids: frozenset[str] | None, wanted: OverviewFilter) -> Hours:
        """Count by an index that holds all that is read here, in the order of the groups."""
        talk_seconds = sa.func.coalesce(sa.func.sum(_call.duration_seconds), 0)
        these = (*_visible(dag_ids), *wanted.conditions())
        query = (
            sa.select(_call.start_hour, _call.outcome, sa.func.count(), talk_seconds)
            .where(_call.environment == self._environment, _call.start_hour >= since, *these)
            .group_by(_call.start_hour, _call.outcome)
            .order_by(_call.start_hour, _call.outcome)
        )
        with self._database.read() as tx:
            return Hours([HourCount(*row) for row in tx.execute(query)], time_of(tx))

    def _count(self, tx: sa.Connection, state: CallState, *these: sa.ColumnElement[bool]) -> int:
        """Count calls of a state among the newest of them."""
        fits = sa.and_(sa.true(), *these).label("fits")
        mine = (_call.state == state, _call.environment == self._environment)
        newest = sa.select(fits).where(*mine).order_by(_call.claimed_at.desc()).limit(MAX_COUNTED).subquery()
        return tx.scalar(sa.select(sa.func.count()).select_from(newest).where(newest.c.fits)) or 0


def _visible(dag_ids: Collection[str] | None) -> list[sa.ColumnElement[bool]]:
    return [] if dag_ids is None else [_call.dag_id.in_(dag_ids)]
