"""Pauses: no call in their scope is placed before they end."""

from __future__ import annotations

import difflib
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.guard import lifetimes
from airflow_provider_voiceinfra.store.guard.claim_request import ClaimRequest
from airflow_provider_voiceinfra.store.guard.rules import Rule
from airflow_provider_voiceinfra.store.history import record_event
from airflow_provider_voiceinfra.store.locks import lock, lock_shared
from airflow_provider_voiceinfra.store.models import CallState
from airflow_provider_voiceinfra.store.row_endings import end_uncalled

_LOOK_INTERVAL = 0.05

_pause, _call = schema.pause.c, schema.call.c
_NOW = sa.bindparam("now", type_=schema.UtcDateTime())
_IN_FORCE = sa.and_(_pause.resumed_at.is_(None), sa.or_(_pause.ends_at.is_(None), _pause.ends_at > _NOW))
_PAUSES = (
    sa.select(_pause.id, _pause.scope, _pause.name, _pause.reason, _pause.paused_at, _pause.paused_by, _pause.ends_at)
    .where(_pause.environment == sa.bindparam("environment"), _IN_FORCE)
    .order_by(_pause.id)
)
_MOST_NAMES = 5
_RECENT = 1_000


class Scope(StrEnum):
    """What a pause stops, the widest first."""

    ALL = "all"
    CONNECTION = "connection"
    AGENT = "agent"
    DAG = "dag"
    LIST = "list"


_SCOPED = {
    Scope.CONNECTION: _call.conn_id,
    Scope.AGENT: _call.agent_id,
    Scope.DAG: _call.dag_id,
    Scope.LIST: _call.list_id,
}
_LISTS_SCOPED = {Scope.DAG: schema.call_list.c.dag_id, Scope.LIST: schema.call_list.c.id}


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause in force.

    :param name: of the connection, agent, DAG or list; empty for everything.
    :param ends_at: when it ends by itself; None if it has to be resumed.
    """

    id: int
    scope: Scope
    name: str
    reason: str
    paused_at: datetime
    paused_by: str
    ends_at: datetime | None = None

    def stops(self, request: ClaimRequest) -> bool:
        """Return whether a call is in its scope."""
        return _names(request).get(self.scope) == self.name


class Pauses:
    """Stops new calls, and lets them be placed again.

    :param database: the store's database.
    :param environment: others are not stopped.
    """

    def __init__(self, database: Database, environment: str) -> None:
        self._database = database
        self._environment = environment

    def pause(self, scope: Scope, name: str, *, reason: str, actor: str, ends_at: datetime | None = None) -> int:
        """Pause a scope. Once this returns, no new POST starts; calls in progress cannot be hung up.

        :param name: of the connection, agent, DAG or list; empty for everything.
        :param ends_at: when it ends by itself.
        :return: the pause's id.
        """
        with self._database.write() as tx:
            pause_id = add_pause(tx, self._environment, scope, name, reason=reason, actor=actor, ends_at=ends_at)
            permitted = self._permitted(tx)
        self._wait_for(permitted)
        return pause_id

    def resume(self, scope: Scope, name: str, *, actor: str, cancel: bool = False) -> int:
        """End the pauses of a scope. Calls that wait for them are placed, or cancelled.

        :return: how many calls were cancelled.
        :raises StoreError: if there is none.
        """
        with self._database.write() as tx:
            lock(tx, "pauses", self._environment)
            ids = tx.scalars(
                sa.update(schema.pause)
                .where(_pause.environment == self._environment, _pause.scope == scope, _pause.name == name, _IN_FORCE)
                .values(resumed_at=time_of(tx), resumed_by=actor, cancelled=cancel)
                .returning(_pause.id),
                {"now": time_of(tx)},
            ).all()
            if not ids:
                raise StoreError("Nothing is paused in this scope: `airflow voiceinfra pauses list` lists what is.")
            return _cancel(tx, self._environment, scope, name, actor) if cancel else 0

    def in_force(self) -> list[Pause]:
        """List the pauses in force: the widest first, and of the same scope the oldest."""
        scopes = list(Scope)
        with self._database.read() as tx:
            return sorted(
                pauses_in_force(tx, self._environment), key=lambda pause: (scopes.index(pause.scope), pause.id)
            )

    def seen(self, scope: Scope, name: str) -> bool:
        """Return whether the store knows a call or a list of a scope: a misspelt name would pause nothing."""
        if scope is Scope.ALL:
            return True
        with self._database.read() as tx:
            return any(
                tx.scalar(sa.select(sa.exists().where(name_column == name, environment == self._environment)))
                for name_column, environment in _columns(scope)
            )

    def names_like(self, scope: Scope, name: str) -> list[str]:
        """Return names that the store knows in a scope, the most similar first."""
        found: set[str] = set()
        with self._database.read() as tx:
            for name_column, environment in _columns(scope):
                found.update(tx.scalars(sa.select(name_column).where(environment == self._environment).distinct()))
        return difflib.get_close_matches(name, sorted(filter(None, found)), n=_MOST_NAMES, cutoff=0.5)

    def recent_names(self, scope: Scope) -> list[str]:
        """Return the names of a scope that the latest calls have, in alphabetical order."""
        latest = sa.select(_SCOPED[scope]).where(_call.environment == self._environment).order_by(_call.id.desc())
        with self._database.read() as tx:
            return sorted(filter(None, set(tx.scalars(latest.limit(_RECENT)))))

    def last_resumed(self, scope: Scope, name: str) -> datetime | None:
        """Return when a pause of a scope ended last."""
        ended_at = sa.func.coalesce(_pause.resumed_at, _pause.ends_at)
        mine = (_pause.environment == self._environment, _pause.scope == scope, _pause.name == name)
        query = sa.select(sa.func.max(ended_at, type_=schema.UtcDateTime())).where(*mine, ended_at <= _NOW)
        with self._database.read() as tx:
            last: datetime | None = tx.scalar(query, {"now": self._database.clock.now()})
        return last

    def resumed(self, pause_ids: Collection[int]) -> set[int]:
        """Find which pauses have ended."""
        mine = _pause.environment == self._environment
        query = sa.select(_pause.id).where(_pause.id.in_(pause_ids), mine, ~_IN_FORCE)
        with self._database.read() as tx:
            return set(tx.scalars(query, {"now": self._database.clock.now()}))

    def _permitted(self, tx: sa.Connection) -> dict[int, int]:
        """Return the claims whose owner may begin to send at any moment, and how many send permits each has had."""
        query = sa.select(_call.id, _call.permits).where(
            _call.state == CallState.CLAIMED, _call.environment == self._environment, _call.permits > 0
        )
        return {row.id: row.permits for row in tx.execute(query)}

    def _wait_for(self, permitted: dict[int, int]) -> None:
        """Wait until what had a send permit before is sent, or will not be."""
        end = time.monotonic() + lifetimes.PERMIT_LIFETIME.total_seconds()
        while permitted and time.monotonic() < end:
            time.sleep(_LOOK_INTERVAL)
            with self._database.read() as tx:
                now = self._permitted(tx)
            permitted = {row_id: count for row_id, count in permitted.items() if now.get(row_id) == count}


def add_pause(
    tx: sa.Connection,
    environment: str,
    scope: Scope,
    name: str,
    *,
    reason: str,
    actor: str,
    ends_at: datetime | None = None,
) -> int:
    """Begin a pause: once the transaction has ended, no claim gets a send permit.

    :return: the pause's id.
    """
    lock(tx, "pauses", environment)
    row = {"environment": environment, "scope": scope, "name": name, "reason": reason}
    values = {**row, "paused_by": actor, "paused_at": time_of(tx), "ends_at": ends_at}
    return int(tx.execute(schema.pause.insert().values(values).returning(_pause.id)).scalar_one())


def find_pauses(tx: sa.Connection, environment: str) -> list[Pause]:
    """Find the pauses in force, the oldest first. No other begins before the transaction ends."""
    lock_shared(tx, "pauses", environment)
    return pauses_in_force(tx, environment)


def pauses_in_force(tx: sa.Connection, environment: str) -> list[Pause]:
    """Read the pauses in force, the oldest first; others may begin at any moment."""
    rows = tx.execute(_PAUSES, {"environment": environment, "now": time_of(tx)})
    return [Pause(row.id, Scope(row.scope), *row[2:]) for row in rows]


def _columns(scope: Scope) -> list[tuple[sa.Column[str], sa.Column[str]]]:
    """Return the columns that name what calls and lists belong to, each with that of their environment."""
    columns = [(_SCOPED[scope], _call.environment)]
    if scope in _LISTS_SCOPED:
        columns.append((_LISTS_SCOPED[scope], schema.call_list.c.environment))
    return columns


def _names(request: ClaimRequest) -> dict[Scope, str]:
    """Name what a call belongs to, by scope."""
    names = {
        Scope.ALL: "",
        Scope.CONNECTION: request.conn_id,
        Scope.AGENT: request.agent_id,
        Scope.DAG: request.source.dag_id,
        Scope.LIST: request.list_id,
    }
    return {scope: name for scope, name in names.items() if name is not None}


def _cancel(tx: sa.Connection, environment: str, scope: Scope, name: str, actor: str) -> int:
    """Cancel the calls of a scope that wait for any pause, and the rows of lists that were not dialled yet.

    Rows whose calls have ended or are in progress end as these do, and are not redialled.
    """
    waiting = [_call.environment == environment, _call.state == CallState.WAITING, _call.rule == Rule.PAUSED]
    if scope is not Scope.ALL:
        waiting.append(_SCOPED[scope] == name)
    cancelled = tx.execute(
        sa.update(schema.call)
        .where(*waiting)
        .values(state=CallState.CANCELLED, key_active=False)
        .returning(_call.id, _call.list_id)
    ).all()
    for row in cancelled:
        record_event(tx, row.id, "cancelled", actor=actor)
    rows, lists = schema.call_list_row.c, schema.call_list.c
    in_scope = {Scope.ALL: sa.true(), Scope.DAG: lists.dag_id == name, Scope.LIST: lists.id == name}
    met_it = lists.id.in_({row.list_id for row in cancelled if row.list_id})
    held = sa.select(lists.id).where(lists.environment == environment, sa.or_(in_scope.get(scope, sa.false()), met_it))
    its, goes_on = rows.list_id.in_(held), rows.state.in_(["pending", "open"])
    is_ended = sa.exists().where(rows.list_id == lists.id, its, goes_on)
    tx.execute(sa.update(schema.call_list).where(is_ended).values(cancelled_by=actor))
    update = sa.update(schema.call_list_row).where(its)
    # Rows of unsettled calls go on once it is known how these ended.
    may_go_on = sa.or_(goes_on, rows.result.in_([CallState.UNKNOWN, CallState.OVERDUE]))
    tx.execute(update.where(may_go_on).values(cancelled=True))
    ended = {"state": "done", "ended_at": time_of(tx), **end_uncalled(CallState.CANCELLED)}
    count = int(tx.execute(update.where(rows.state == "pending").values(**ended)).rowcount)
    return sum(row.list_id is None for row in cancelled) + count
