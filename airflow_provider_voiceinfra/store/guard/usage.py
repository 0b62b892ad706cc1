"""How much of its limits a connection has used today, and how long its calls take, for forecasts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.guard.talk_time import estimate
from airflow_provider_voiceinfra.store.models import Realm

_budget = schema.budget.c


@dataclass(frozen=True, slots=True)
class Used:
    """What a connection has used of a day's limits."""

    calls: int = 0
    talked_seconds: int = 0


class Usage:
    """Reads what was counted.

    :param environment: calls of others are not counted.
    """

    def __init__(self, database: Database, environment: str) -> None:
        self._database = database
        self._environment = environment

    def of_day(self, realm: Realm, conn_id: str, day: date) -> Used:
        """Return what a connection has used on a day; nothing where days are not limited."""
        same = (_budget.environment == self._environment, _budget.realm == realm, _budget.name == conn_id)
        query = sa.select(_budget.calls, _budget.talked_seconds).where(*same, _budget.day == day.isoformat())
        with self._database.read() as tx:
            row = tx.execute(query).first()
        return Used() if row is None else Used(row.calls, row.talked_seconds or 0)

    def median_seconds(self, realm: Realm, agent_id: str) -> int:
        """Return how long the last answered calls of an agent took."""
        with self._database.read() as tx:
            return estimate(tx, self._environment, realm, agent_id)
