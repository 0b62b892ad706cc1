"""Reading calls, with their completions and histories."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.completion_body import stored_completion
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.models import (
    Call,
    CallState,
    Completion,
    EndedCall,
    Event,
    Extraction,
    Goal,
    Source,
)
from airflow_provider_voiceinfra.store.reads.call_filter import EVERY_CALL, CallFilter
from airflow_provider_voiceinfra.store.reads.disputes import is_disputed
from airflow_provider_voiceinfra.store.reads.matching import undecided

_PAGE = 500
LOST = timedelta(days=1)
"""The age after which a completion is not expected to arrive any more."""
_ENDED = (CallState.COMPLETED, CallState.REJECTED, CallState.OVERDUE, CallState.UNKNOWN)
_call = schema.call.c
_ENDED_CALL = (
    _call.attempt,
    sa.func.coalesce(_call.outcome, _call.state),
    sa.func.coalesce(_call.queued_at, _call.claimed_at),
    sa.func.coalesce(_call.completed_at, _call.claimed_at),
    _call.goal,
    _call.callback_at,
    _call.callback_ignored,
)
_SOURCE = tuple(field.name for field in fields(Source))
_AS_STORED = {field.name for field in fields(Call)} & set(_call.keys()) - {"state"}


class Calls:
    """Reads calls, each with its completion if it is completed.

    :param environment: calls of other environments are not visible.
    :param extracted_field: see :func:`~airflow_provider_voiceinfra.store.completion_body.parse_completion`.
    """

    def __init__(self, database: Database, environment: str, extracted_field: str) -> None:
        self._database = database
        self._environment = environment
        self._extracted_field = extracted_field

    def get(self, ref_or_call_id: str) -> Call | None:
        """Return a call by its ref or its ``call_id``."""
        # One query for each, by its index: with OR, SQLite scans all calls of the environment.
        for is_it in (_call.ref == ref_or_call_id, _call.call_id == ref_or_call_id):
            with self._database.read() as tx:
                rows = tx.execute(_with_completion().where(is_it)).mappings().all()
            for row in rows:
                if row["environment"] == self._environment:
                    return self._call(row)
        return None

    def completion(self, call_id: str) -> Completion | None:
        """Return the completion of a call that was placed here, or from no environment of this store."""
        call = self.get(call_id)
        if call is not None:
            return call.completion
        placed = sa.exists().where(_call.call_id == schema.completion.c.call_id)
        first = (schema.completion.c.call_id == call_id, schema.completion.c.first, ~is_disputed())
        with self._database.read() as tx:
            row = tx.execute(sa.select(schema.completion).where(*first, ~placed)).mappings().first()
            if row is None or undecided(tx, [row["id"]], besides=self._environment):
                return None
        return self._completion(row)

    def iterate(self, wanted: CallFilter = EVERY_CALL, *, all_environments: bool = False) -> Iterator[Call]:
        """Iterate over calls, newest first, reading them page by page.

        :param all_environments: include calls of other environments.
        """
        mine = sa.true() if all_environments else _call.environment == self._environment
        query = _with_completion().where(mine, *wanted.conditions(), *wanted.times())
        page = query = query.order_by(_call.id.desc()).limit(_PAGE)
        while True:
            with self._database.read() as tx:
                rows = tx.execute(page).mappings().all()
            yield from map(self._call, rows)
            if len(rows) < _PAGE:
                return
            page = query.where(_call.id < rows[-1]["id"])

    def count(self, wanted: CallFilter) -> int:
        """Count the calls that a filter finds."""
        mine = (_call.environment == self._environment, *wanted.conditions(), *wanted.times())
        return self._database.scalar(sa.select(sa.func.count()).select_from(schema.call).where(*mine)) or 0

    def read(self, row_ids: Collection[int]) -> list[Call]:
        """Read calls by their ``id``; calls of other environments are omitted."""
        mine = (_call.id.in_(row_ids), _call.environment == self._environment)
        query = _with_completion().where(*mine).order_by(_call.id)
        with self._database.read() as tx:
            return [self._call(row) for row in tx.execute(query).mappings()]

    def attempts(self, refs: Collection[str]) -> dict[str, list[EndedCall]]:
        """Return the completed calls of each call's intent up to that call, in order.

        :param refs: of calls, which are completed.
        """
        latest = schema.call.alias()
        query = (
            sa.select(latest.c.ref, *_ENDED_CALL)
            .join_from(latest, schema.call, schema.same_intent(latest.c, _call))
            .where(latest.c.ref.in_(refs), _call.id <= latest.c.id, _call.state == CallState.COMPLETED)
            .order_by(_call.id)
        )
        found: dict[str, list[EndedCall]] = {}
        with self._database.read() as tx:
            for ref, *values in tx.execute(query):
                ended = _ended_call(*values)
                # A clear that redials begins a new series of attempts.
                found[ref] = [ended] if ended.attempt == 1 else [*found.get(ref, ()), ended]
        return found

    def latest_ended(self, list_id: str, count: int) -> list[EndedCall]:
        """Return the latest calls of a list that have ended, the newest first.

        :param count: of how many calls.
        """
        ended = (_call.list_id == list_id, _call.state.in_(_ENDED))
        query = sa.select(*_ENDED_CALL).where(*ended).order_by(_call.id.desc()).limit(count)
        with self._database.read() as tx:
            return [_ended_call(*row) for row in tx.execute(query)]

    def history(self, row_id: int) -> list[Event]:
        """Return the events of a call, in order."""
        columns = schema.call_event.c
        query = (
            sa.select(columns.at, columns.kind, columns.actor, columns.detail)
            .where(columns.call == row_id)
            .order_by(columns.id)
        )
        return [Event(*row) for row in self._database.rows(query)]

    def count_by_state(self) -> dict[CallState, int]:
        """Count the calls in each state."""
        counts = self.count_everywhere().items()
        return {state: count for (environment, state), count in counts if environment == self._environment}

    def count_everywhere(self) -> dict[tuple[str, CallState], int]:
        """Count the calls in each environment and state."""
        kind = (_call.environment, _call.state)
        rows = self._database.rows(sa.select(*kind, sa.func.count()).group_by(*kind).order_by(*kind))
        return {(environment, CallState(state)): count for environment, state, count in rows}

    def count_of_task(self, source: Source) -> dict[str, int]:
        """Count the calls of a task in one run: ended ones by outcome, the others by state."""
        kind = sa.func.coalesce(_call.outcome, _call.state).label("kind")
        query = (
            sa.select(kind, sa.func.count())
            .where(_call.environment == self._environment, _call.dag_id == source.dag_id)
            .where(_call.logical_run == source.logical_run, _call.task_id == source.task_id)
            .where(_call.map_index == source.map_index)
            .group_by(kind)
        )
        return {str(kind): count for kind, count in self._database.rows(query)}

    def oldest_open(self) -> datetime | None:
        """Return when the oldest call that waits for its completion was claimed, in any environment.

        Calls older than a day are ignored: they are lost, and do not indicate a current problem.
        """
        waits = _call.state.in_([CallState.QUEUED, CallState.OVERDUE])
        with self._database.read() as tx:
            is_recent = _call.claimed_at > time_of(tx) - LOST
            oldest: datetime | None = tx.scalar(sa.select(sa.func.min(_call.claimed_at)).where(waits, is_recent))
        return oldest

    def _call(self, row: sa.RowMapping) -> Call:
        return Call(
            **{name: row[name] for name in _AS_STORED},
            state=CallState(row["state"]),
            idempotency_key=row["key_label"],
            source=Source(**{name: row[name] for name in _SOURCE}),
            completion=self._completion(row),
        )

    def _completion(self, row: sa.RowMapping) -> Completion | None:
        if row["body"] is None:
            return None
        return stored_completion(row["body"], row["call_id"], row["outcome"], extracted_field=self._extracted_field)


def _ended_call(
    attempt: int,
    outcome: str,
    placed_at: datetime,
    ended_at: datetime,
    goal: str | None,
    callback_at: datetime | None,
    is_callback_ignored: bool | None,
) -> EndedCall:
    extraction = None
    if is_callback_ignored is not None:
        extraction = Extraction(None if goal is None else Goal(goal), callback_at, is_callback_ignored)
    return EndedCall(attempt, outcome, placed_at, ended_at, extraction)


def _with_completion() -> sa.Select[Any]:
    call, completion = schema.call, schema.completion
    return sa.select(call, completion.c.body).outerjoin_from(call, completion, call.c.completion_id == completion.c.id)
