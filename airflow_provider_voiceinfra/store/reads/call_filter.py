"""Which calls a person looks for, and by which index they are found."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.models import CallState

_call = schema.call.c

_number_end: sa.ColumnClause[str] = sa.literal_column(schema.NUMBER_END)

END_LENGTH = 4
"""So many of the last digits find a number."""
FEW = 5_000
"""So many calls are sorted when somebody looks at a page of them; of more, the newest are looked through."""
_FEW_DAGS = 40
Condition = sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class CallFilter:
    """What calls a person looks for; all that is given must be true of them.

    :param runs: names of one run, as ``run`` or ``run_id``.
    :param digits: the last digits of the number, four or more.
    :param since: claimed at this time or later.
    :param until: claimed before this time.
    """

    state: CallState | None = None
    outcome: str | None = None
    dag_id: str | None = None
    runs: tuple[str, ...] = ()
    list_id: str | None = None
    digits: str | None = field(default=None, repr=False)
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[Condition]:
        """Say it in SQL, but for the times."""
        wishes = {_call.state: self.state, _call.outcome: self.outcome, _call.dag_id: self.dag_id}
        wishes[_call.list_id] = self.list_id
        said: list[Condition] = [column == wanted for column, wanted in wishes.items() if wanted is not None]
        if self.runs:
            said.append(sa.or_(_call.logical_run.in_(self.runs), _call.run_id.in_(self.runs)))
        if self.digits:
            said.append(_call.to_number.endswith(self.digits, autoescape=True))
        return said

    def times(self) -> list[Condition]:
        """Say the times in SQL."""
        said: list[Condition] = []
        if self.since is not None:
            said.append(_call.claimed_at >= self.since)
        if self.until is not None:
            said.append(_call.claimed_at < self.until)
        return said


@dataclass(frozen=True, slots=True)
class AccessPath:
    """A path to the calls.

    :param among: each of these gives calls in the order of an index; those of one page are merged.
    :param rest: must be true of them too.
    :param in_order: whether the index has them in order; if not, they are few.
    :param by_id: in the order in which they were asked for, not of their latest claim.
    """

    among: tuple[tuple[Condition, ...], ...]
    rest: tuple[Condition, ...]
    in_order: bool = True
    by_id: bool = False


def find_access_path(
    tx: sa.Connection, environment: str, wanted: CallFilter, dag_ids: Collection[str] | None
) -> AccessPath:
    """Choose the index that leaves least to be looked through.

    :param dag_ids: only calls of these; None for all calls, also of no DAG.
    """
    mine = _call.environment == environment
    wishes = wanted.conditions()
    if dag_ids is not None and not wishes and len(dag_ids) <= _FEW_DAGS:
        return AccessPath(tuple((mine, _call.dag_id == dag_id) for dag_id in sorted(dag_ids)), ())
    rest = (mine, *wishes, *([] if dag_ids is None else [_call.dag_id.in_(dag_ids)]))
    if wanted.dag_id is not None and wanted.runs and not wanted.digits:
        of_run = (_call.dag_id == wanted.dag_id, _call.logical_run.in_(wanted.runs))
        if _are_few(tx, *of_run):
            return AccessPath((of_run,), rest, in_order=False)
    if wanted.list_id is not None and not wanted.digits:
        return AccessPath(((_call.list_id == wanted.list_id,),), rest, by_id=True)
    return AccessPath((_index(mine, wanted),), rest)


def _index(mine: Condition, wanted: CallFilter) -> tuple[Condition, ...]:
    """Say what the first columns of the best index are."""
    if wanted.digits:
        return (_number_end == wanted.digits[-END_LENGTH:],)
    if wanted.dag_id is not None:
        return (mine, _call.dag_id == wanted.dag_id)
    if wanted.state is not None:
        return (mine, _call.state == wanted.state)
    return (mine,)


def _are_few(tx: sa.Connection, *where: Condition) -> bool:
    some = sa.select(sa.literal(1)).select_from(schema.call).where(*where).limit(FEW + 1)
    return (tx.scalar(sa.select(sa.func.count()).select_from(some.subquery())) or 0) <= FEW
