"""Reads which completions arrived last, and which of them belong to no call."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.feed.completed_calls import foreign_completions

NEWEST = 25
"""The number of completions that are listed."""
_call, _completion = schema.call.c, schema.completion.c


@dataclass(frozen=True, slots=True)
class Arrival:
    """A completion that arrived, of any environment.

    :param ref: the call of this environment that it completed, if any, and its DAG.
    """

    received_at: datetime
    webhook_conn_id: str
    ref: str | None
    dag_id: str | None


@dataclass(frozen=True, slots=True)
class UnmatchedCompletion:
    """A completion that belongs to no call of any environment."""

    received_at: datetime
    webhook_conn_id: str
    call_id: str
    outcome: str
    agent_id: str | None
    to_number: str | None = field(repr=False)


class Arrivals:
    """Lists the newest completions.

    :param environment: calls of other environments are not visible.
    """

    def __init__(self, database: Database, environment: str) -> None:
        self._database = database
        self._environment = environment

    def newest(self) -> list[Arrival]:
        """List the completions that arrived last, newest first."""
        completes = (_call.call_id == _completion.call_id, _call.completion_id == _completion.id)
        query = (
            sa.select(_completion.received_at, _completion.webhook_conn_id, _call.ref, _call.dag_id)
            .join_from(
                schema.completion,
                schema.call,
                sa.and_(*completes, _call.environment == self._environment),
                isouter=True,
            )
            .order_by(_completion.id.desc())
            .limit(NEWEST)
        )
        return [Arrival(*row) for row in self._database.rows(query)]

    def unmatched(self) -> list[UnmatchedCompletion]:
        """List the newest completions that belong to no call of any environment, newest first."""
        names = ("received_at", "webhook_conn_id", "call_id", "outcome", "agent_id", "to_number")
        query = sa.select(*(_completion[name] for name in names)).order_by(_completion.id.desc())
        with self._database.read() as tx:
            ids = foreign_completions(tx)[:NEWEST]
            return [UnmatchedCompletion(*row) for row in tx.execute(query.where(_completion.id.in_(ids)))]
