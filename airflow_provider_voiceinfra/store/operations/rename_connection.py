"""Moves calls to the new id of a renamed connection."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.claims.recovery import lock_party, recover
from airflow_provider_voiceinfra.store.claims.settling import lock_call_id, settle
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.history import record_events
from airflow_provider_voiceinfra.store.locks import lock
from airflow_provider_voiceinfra.store.models import CallParties, CallState
from airflow_provider_voiceinfra.store.notify import notify
from airflow_provider_voiceinfra.store.reads.disputes import copy_disputes

_BATCH_SIZE = 200
_OPEN = (CallState.CLAIMED, CallState.QUEUED, CallState.OVERDUE, CallState.UNKNOWN)
_call, _completion, _budget, _pause = schema.call.c, schema.completion.c, schema.budget.c, schema.pause.c


@dataclass(frozen=True, slots=True)
class Unserved:
    """The open calls of an environment that wait for a connection without a webhook."""

    environment: str
    conn_id: str
    calls: int

    def describe(self, conn_ids: Collection[str]) -> str:
        """Describe the problem and how to fix it.

        :param conn_ids: the connections that have a webhook.
        """
        return (
            f"{self.calls} open calls of environment {self.environment!r} wait for webhooks of connection "
            f"{self.conn_id!r}, which is not in [voiceinfra] webhook_conn_ids ({', '.join(sorted(conn_ids))}), so "
            "they never complete. If it was renamed, run `airflow voiceinfra store rename-connection "
            f"{self.conn_id} NEW` in that environment; otherwise add it to webhook_conn_ids."
        )


@dataclass(frozen=True, slots=True)
class Moved:
    """The result of a rename.

    :param calls: the number of calls that were moved.
    :param completed: how many of them were completed, because their completions had arrived by the new connection.
    """

    calls: int
    completed: int


class Connections:
    """Finds calls by the connection whose webhook completes them, and moves them to another one.

    :param environment: calls of other environments are not moved.
    """

    def __init__(self, database: Database, environment: str) -> None:
        self._database = database
        self._environment = environment

    def without_webhook(self, conn_ids: Collection[str]) -> list[Unserved]:
        """Count open calls, of any environment, that no webhook can complete.

        :param conn_ids: the connections that have a webhook.
        """
        of = (_call.environment, _call.webhook_conn_id)
        query = (
            sa.select(*of, sa.func.count())
            .where(_call.state.in_(_OPEN), _call.webhook_conn_id.not_in(conn_ids))
            .group_by(*of)
            .order_by(*of)
        )
        return [Unserved(*row) for row in self._database.rows(query)]

    def rename(self, old: str, new: str, *, actor: str) -> Moved:
        """Move the calls, completions, pauses and used limits of a connection to its new id.

        Calls whose completions have arrived by the new connection are completed. May be repeated, for calls that were
        placed meanwhile.
        """
        moved = completed = last = 0
        named = sa.or_(_call.webhook_conn_id == old, _call.conn_id == old)
        query = sa.select(schema.call).where(_call.environment == self._environment, named).order_by(_call.id)
        while True:
            with self._database.write() as tx:
                calls = tx.execute(query.where(_call.id > last).limit(_BATCH_SIZE)).all()
                if not calls:
                    break
                completed += _move(tx, calls, old, new, actor)
                moved, last = moved + len(calls), calls[-1].id
        with self._database.write() as tx:
            lock(tx, "pauses", self._environment)
            mine = (_pause.environment == self._environment, _pause.scope == Scope.CONNECTION, _pause.name == old)
            tx.execute(sa.update(schema.pause).where(*mine, _pause.resumed_at.is_(None)).values(name=new))
            _move_budget(tx, self._environment, old, new)
            copy_disputes(tx, old, new)
        return Moved(moved, completed)


def _move(tx: sa.Connection, calls: Collection[Any], old: str, new: str, actor: str) -> int:
    """Move some calls and their completions.

    :return: the number of calls that were completed.
    """
    ids = [call.id for call in calls]
    call_ids = {call.call_id for call in calls if call.call_id and call.webhook_conn_id == old}
    is_open = [call for call in calls if call.state in _OPEN]
    parties = {CallParties.of(call)._replace(webhook_conn_id=new) for call in is_open if call.webhook_conn_id == old}
    lock_party(tx, *parties, *(CallParties.of(call) for call in is_open))
    lock_call_id(tx, *call_ids)
    names = {
        column.name: sa.case((column == old, new), else_=column) for column in (_call.webhook_conn_id, _call.conn_id)
    }
    tx.execute(sa.update(schema.call).where(_call.id.in_(ids)).values(names))
    record_events(tx, "connection_renamed", {call.id: {"old": old, "new": new} for call in is_open}, actor=actor)
    # Completions that have arrived by the new connection take precedence.
    came = schema.completion.alias().c
    came_by_new = sa.exists().where(came.call_id == _completion.call_id, came.webhook_conn_id == new)
    theirs = (_completion.call_id.in_(call_ids), _completion.webhook_conn_id == old, ~came_by_new)
    tx.execute(sa.update(schema.completion).where(*theirs).values(webhook_conn_id=new))
    settled = settle(tx, call_ids)
    notify(tx, settled.call_ids)
    for party in sorted(parties):
        recover(tx, party)
    ended = sa.select(sa.func.count()).select_from(schema.call)
    return tx.scalar(ended.where(_call.id.in_([call.id for call in is_open]), _call.state == CallState.COMPLETED)) or 0


def _move_budget(tx: sa.Connection, environment: str, old: str, new: str) -> None:
    """Keep the later next send slot of the two connections; what they used of a day is counted again when needed."""
    mine = (_budget.environment == environment, _budget.name.in_([old, new]))
    rows = tx.execute(sa.select(schema.budget).where(*mine).with_for_update()).all()
    tx.execute(sa.delete(schema.budget).where(*mine))
    for realm in {row.realm for row in rows}:
        used = [row for row in rows if row.realm == realm]
        row = {"environment": environment, "realm": realm, "name": new, "day": date.min.isoformat(), "calls": 0}
        tx.execute(schema.budget.insert().values(row | {"next_at": max(each.next_at for each in used)}))
