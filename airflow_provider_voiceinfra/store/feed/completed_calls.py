"""Completed calls, in one order for all subscribers.

Concurrent receivers on PostgreSQL commit out of sequence: a smaller id may become visible after a greater one. So a row
is written without a position, and the first reader assigns the next ones to what is committed. A position is assigned
once, and nothing new gets a position before what has been read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.completion_body import stored_completion
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.locks import lock
from airflow_provider_voiceinfra.store.models import CallState, Completion
from airflow_provider_voiceinfra.store.reads.disputes import is_disputed
from airflow_provider_voiceinfra.store.reads.matching import undecided

_PAGE = 500
_AT_ONCE = 2_000
MAX_FOREIGN = 1_000
"""The maximum number of foreign completions that are looked at."""
_columns, _call, _completion = schema.completed_call.c, schema.call.c, schema.completion.c
_NEW = sa.select(_columns.id, _columns.completion).where(_columns.position.is_(None)).order_by(_columns.id)
_LAST = sa.select(_columns.position).where(_columns.position.is_not(None)).order_by(_columns.position.desc()).limit(1)
_known = schema.call.alias().c
_IS_OF_CALL = sa.or_(
    sa.exists().where(_known.call_id == _completion.call_id, _known.webhook_conn_id == _completion.webhook_conn_id),
    is_disputed(),
)
_ADD_FOREIGN = schema.completed_call.insert().from_select(
    ["completion", "at"],
    sa.select(_completion.id, sa.bindparam("at", type_=schema.UtcDateTime)).where(
        _completion.call_id.in_(sa.bindparam("call_ids", expanding=True)), _completion.first, ~_IS_OF_CALL
    ),
)


@dataclass(frozen=True, slots=True)
class CompletedCall:
    """A call that became completed.

    :param position: its position, which is the same for all readers.
    :param ref: the ref of a call that was placed here.
    :param row_id: the ``id`` of a call that was placed here.
    :param completion: the completion of a foreign call.
    """

    position: int
    call_id: str
    outcome: str
    agent_id: str | None
    ref: str | None
    row_id: int | None
    completion: Completion | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class CompletionFilter:
    """A filter of completed calls.

    :param agent_id: only calls of this agent; None for any.
    :param outcomes: only calls with one of these outcomes; empty for any.
    :param placed_here: include calls that were placed from here.
    :param foreign: include calls that were not placed from any environment of this store.
    """

    agent_id: str | None = None
    outcomes: Collection[str] = ()
    placed_here: bool = True
    foreign: bool = False

    def includes(self, call: CompletedCall) -> bool:
        """Return whether the filter includes a call."""
        return (
            (self.foreign if call.ref is None else self.placed_here)
            and self.agent_id in {None, call.agent_id}
            and (not self.outcomes or call.outcome in self.outcomes)
        )


class CompletedCalls:
    """Assigns positions to completed calls, and reads calls in that order.

    :param environment: calls of other environments are not visible.
    :param extracted_field: see :func:`~airflow_provider_voiceinfra.store.completion_body.parse_completion`.
    """

    def __init__(self, database: Database, environment: str, extracted_field: str) -> None:
        self._database = database
        self._environment = environment
        self._extracted_field = extracted_field

    def last_position(self) -> int:
        """Assign positions to new completed calls, and return the last one.

        A completion that may belong to an unsettled call gets its position once that call is settled.

        :return: the last position: nothing will be inserted before it.
        """
        seen = 0
        while new := self._database.rows(_NEW.where(_columns.id > seen).limit(_AT_ONCE)):
            if decided := self._decided(new):
                self._assign_positions(decided)
            seen = new[-1].id
        return self._database.scalar(_LAST) or 0

    def position_before(self, time: datetime) -> int:
        """Return the last position before the calls that became completed since a time."""
        later = sa.select(sa.func.min(_columns.position)).where(_columns.at >= time)
        with self._database.read() as tx:
            first = tx.scalar(later)
            return (tx.scalar(_LAST) or 0) if first is None else first - 1

    def read(self, after: int, upto: int) -> Iterator[list[CompletedCall]]:
        """Yield the calls after a position, up to and including another, page by page."""
        while page := self._page(after, upto):
            yield page
            after = page[-1].position

    def _decided(self, new: Sequence[Any]) -> list[int]:
        foreign = [row.completion for row in new if row.completion is not None]
        with self._database.read() as tx:
            waiting = undecided(tx, foreign)
        return [row.id for row in new if row.completion not in waiting]

    def _assign_positions(self, ids: Sequence[int]) -> None:
        assign = sa.update(schema.completed_call).where(_columns.id == sa.bindparam("row"))
        with self._database.write() as tx:
            # A reader that waited here sees the positions that another one has assigned.
            lock(tx, "completed calls")
            new, last = tx.scalars(_NEW.where(_columns.id.in_(ids))).all(), tx.scalar(_LAST) or 0
            if new:
                positions = [{"row": row_id, "given": position} for position, row_id in enumerate(new, last + 1)]
                tx.execute(assign.values(position=sa.bindparam("given")), positions)

    def _page(self, after: int, upto: int) -> list[CompletedCall]:
        call_id = sa.func.coalesce(_call.call_id, _completion.call_id).label("call_id")
        outcome = sa.func.coalesce(_call.outcome, _completion.outcome).label("outcome")
        # Excludes calls that are no longer completed, because their completion was another call's.
        ours = sa.and_(_call.environment == self._environment, _call.state == CallState.COMPLETED)
        # Excludes completions that turned out to belong to a call, which is returned instead.
        others = sa.exists().where(_known.call_id == _completion.call_id, _known.environment != self._environment)
        foreign = sa.and_(_columns.completion.is_not(None), ~_IS_OF_CALL, ~others)
        query = (
            sa.select(
                _columns.position,
                call_id,
                outcome,
                _call.agent_id,
                _call.ref,
                _call.id.label("row_id"),
                _completion.body,
            )
            .select_from(schema.completed_call)
            .outerjoin(schema.call, _columns.call == _call.id)
            .outerjoin(schema.completion, _columns.completion == _completion.id)
            .where(_columns.position > after, _columns.position <= upto, sa.or_(ours, foreign))
            .order_by(_columns.position)
            .limit(_PAGE)
        )
        return [self._read(row) for row in self._database.rows(query)]

    def _read(self, row: Any) -> CompletedCall:
        if row.ref is not None:
            return CompletedCall(row.position, row.call_id, row.outcome, row.agent_id, row.ref, row.row_id, None)
        completion = stored_completion(row.body, row.call_id, row.outcome, extracted_field=self._extracted_field)
        return CompletedCall(row.position, row.call_id, row.outcome, completion.agent_id, None, None, completion)


def add_completed(tx: sa.Connection, row_ids: Collection[int]) -> None:
    """Add calls that became completed in this transaction."""
    now = time_of(tx)
    tx.execute(schema.completed_call.insert(), [{"call": row_id, "at": now} for row_id in row_ids])


def add_foreign(tx: sa.Connection, call_ids: Collection[str]) -> None:
    """Add those among new completions that belong to no known call."""
    if call_ids:
        tx.execute(_ADD_FOREIGN, {"call_ids": list(call_ids), "at": time_of(tx)})


def foreign_completions(tx: sa.Connection) -> list[int]:
    """List the newest completions that belong to no call of any environment, and can no longer turn out to."""
    newest = sa.select(_columns.completion).where(_columns.completion.is_not(None))
    newest = newest.order_by(_columns.completion.desc()).limit(MAX_FOREIGN)
    foreign = sa.select(_completion.id).where(_completion.id.in_(newest), _completion.first, ~_IS_OF_CALL)
    ids = tx.scalars(foreign.order_by(_completion.id.desc())).all()
    waiting = undecided(tx, ids)
    return [each for each in ids if each not in waiting]
