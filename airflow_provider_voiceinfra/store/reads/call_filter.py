"""Filters of calls, and the index that finds them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.call_metadata import hash_pair
from airflow_provider_voiceinfra.store.models import CallState

_call, _metadata = schema.call.c, schema.call_metadata.c

_number_end: sa.ColumnClause[str] = sa.literal_column(schema.NUMBER_END)

END_LENGTH = 4
"""The number of last digits that an index finds."""
FEW = 5_000
"""Up to this many calls are sorted for a page; beyond it, the newest calls are scanned."""
_FEW_DAGS = 40
Condition = sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class CallFilter:
    """A filter of calls; all given conditions must hold.

    :param name: a ref, a ``call_id`` or a DAG.
    :param metadata: a key and its value, as ``key:value``.
    :param runs: identifiers of one run, as ``run`` or ``run_id``.
    :param digits: the last digits of the number; :func:`find_access_path` needs four or more.
    :param since: claimed at this time or later.
    :param until: claimed before this time.
    """

    state: CallState | str | None = None
    outcome: str | None = None
    dag_id: str | None = None
    runs: tuple[str, ...] = ()
    list_id: str | None = None
    agent_id: str | None = None
    conn_id: str | None = None
    name: str | None = None
    metadata: str | None = field(default=None, repr=False)
    digits: str | None = field(default=None, repr=False)
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[Condition]:
        """Return the conditions in SQL, except for the times."""
        names = ("state", "outcome", "dag_id", "list_id", "agent_id", "conn_id")
        values = {_call[name]: getattr(self, name) for name in names}
        conditions: list[Condition] = [column == wanted for column, wanted in values.items() if wanted is not None]
        if self.runs:
            conditions.append(sa.or_(_call.logical_run.in_(self.runs), _call.run_id.in_(self.runs)))
        if self.name is not None:
            conditions.append(sa.or_(*(column == self.name for column in (_call.ref, _call.call_id, _call.dag_id))))
        if self.metadata is not None:
            pairs = schema.call_metadata.alias().c
            conditions.append(sa.exists().where(pairs.pair == hash_pair(self.metadata), pairs.call == _call.id))
        if self.digits:
            conditions.append(_call.to_number.endswith(self.digits, autoescape=True))
        return conditions

    def times(self) -> list[Condition]:
        """Return the conditions on times in SQL."""
        since = [] if self.since is None else [_call.claimed_at >= self.since]
        return since if self.until is None else [*since, _call.claimed_at < self.until]


EVERY_CALL = CallFilter()


@dataclass(frozen=True, slots=True)
class AccessPath:
    """How calls are read for a page.

    :param among: conditions, each of which reads calls in the order of an index; the results are merged.
    :param rest: further conditions.
    :param in_order: whether the index returns them in order; if not, they are few.
    :param by_id: their ids, if they are ordered by their first request instead of their latest claim.
    """

    among: tuple[tuple[Condition, ...], ...]
    rest: tuple[Condition, ...]
    in_order: bool = True
    by_id: sa.ColumnElement[int] | None = None


def find_access_path(
    tx: sa.Connection, environment: str, wanted: CallFilter, dag_ids: Collection[str] | None
) -> AccessPath:
    """Choose the index that leaves the fewest calls to scan.

    :param dag_ids: only calls of these DAGs; None for all calls, including those without a DAG.
    """
    mine = _call.environment == environment
    # Not those on metadata, which only its index checks: PostgreSQL would read all calls of a common pair.
    conditions = replace(wanted, metadata=None).conditions()
    by_pair = wanted.metadata is not None
    if dag_ids is not None and not conditions and not by_pair and len(dag_ids) <= _FEW_DAGS:
        return AccessPath(tuple((mine, _call.dag_id == dag_id) for dag_id in sorted(dag_ids)), ())
    rest = (mine, *conditions, *([] if dag_ids is None else [_call.dag_id.in_(dag_ids)]))
    if wanted.name is not None:
        by_name = ((mine, _call.ref == wanted.name), (mine, _call.call_id == wanted.name))
        if wanted.dag_id not in {None, wanted.name} or any(_are_any(tx, *each) for each in by_name):
            return AccessPath(by_name, rest, in_order=False)
        return find_access_path(tx, environment, replace(wanted, name=None, dag_id=wanted.name), dag_ids)
    if wanted.dag_id is not None and wanted.runs and not wanted.digits and not by_pair:
        of_run = (_call.dag_id == wanted.dag_id, _call.logical_run.in_(wanted.runs))
        if _are_few(tx, *of_run):
            return AccessPath((of_run,), rest, in_order=False)
    if by_pair or (wanted.list_id is not None and not wanted.digits):
        among, row_id = _index_by_id(wanted)
        return AccessPath((among,), (*rest, *wanted.times()), by_id=row_id)
    return AccessPath((_index(mine, wanted),), rest)


def _index_by_id(wanted: CallFilter) -> tuple[tuple[Condition, ...], sa.ColumnElement[int]]:
    """Return the conditions on an index that is in the order of ids, and its ids."""
    if wanted.metadata is not None:
        return (_metadata.pair == hash_pair(wanted.metadata), _metadata.call == _call.id), _metadata.call
    return (_call.list_id == wanted.list_id,), _call.id


def _index(mine: Condition, wanted: CallFilter) -> tuple[Condition, ...]:
    """Return the conditions on the first columns of the best index."""
    if wanted.digits:
        return (_number_end == wanted.digits[-END_LENGTH:],)
    if wanted.dag_id is not None:
        return (mine, _call.dag_id == wanted.dag_id)
    if wanted.state is not None:
        return (mine, _call.state == wanted.state)
    return (mine,)


def _are_any(tx: sa.Connection, *where: Condition) -> bool:
    return tx.execute(sa.select(_call.id).where(*where).limit(1)).first() is not None


def _are_few(tx: sa.Connection, *where: Condition) -> bool:
    some = sa.select(sa.literal(1)).select_from(schema.call).where(*where).limit(FEW + 1)
    return (tx.scalar(sa.select(sa.func.count()).select_from(some.subquery())) or 0) <= FEW
