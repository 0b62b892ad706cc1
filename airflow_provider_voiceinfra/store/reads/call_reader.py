"""Reading calls, with their completions and histories."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.completion_body import stored_completion
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.models import Call, CallState, Completion, Event, Source
from airflow_provider_voiceinfra.store.reads.disputes import is_disputed
from airflow_provider_voiceinfra.store.reads.matching import undecided

_PAGE = 500
LOST = timedelta(days=1)
"""The age after which a completion is not expected to arrive any more."""
_SOURCE = ("dag_id", "run_id", "logical_run", "task_id", "map_index", "generation")


class Calls:
    """Reads calls, each with its completion if it is completed.

    :param database: the store's database.
    :param environment: calls of other environments are not visible.
    :param extracted_field: see :func:`~airflow_provider_voiceinfra.store.completion_body.parse_completion`.
    """

    def __init__(self, database: Database, environment: str, extracted_field: str) -> None:
        self._database = database
        self._environment = environment
        self._extracted_field = extracted_field

    def get(self, ref_or_call_id: str) -> Call | None:
        """Return a call by its ref or its ``call_id``."""
        columns = schema.call.c
        # One query for each, by its index: with OR, SQLite scans all calls of the environment.
        for is_it in (columns.ref == ref_or_call_id, columns.call_id == ref_or_call_id):
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
        placed = sa.exists().where(schema.call.c.call_id == schema.completion.c.call_id)
        first = (schema.completion.c.call_id == call_id, schema.completion.c.first, ~is_disputed())
        with self._database.read() as tx:
            row = tx.execute(sa.select(schema.completion).where(*first, ~placed)).mappings().first()
            if row is None or undecided(tx, [row["id"]], besides=self._environment):
                return None
        return self._completion(row)

    def iterate(
        self,
        *,
        list_id: str | None = None,
        dag_id: str | None = None,
        state: CallState | str | None = None,
        outcome: str | None = None,
        number: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        all_environments: bool = False,
    ) -> Iterator[Call]:
        """Iterate over calls, newest first, reading them page by page.

        :param list_id: only calls of this call list.
        :param number: the callee's number in E.164, or its last digits.
        :param since: claimed at this time or later.
        :param until: claimed before this time.
        :param all_environments: include calls of other environments.
        """
        columns = schema.call.c
        mine = sa.true() if all_environments else columns.environment == self._environment
        query = _with_completion().where(mine).order_by(columns.id.desc()).limit(_PAGE)
        conditions = (
            (columns.list_id, list_id),
            (columns.dag_id, dag_id),
            (columns.state, state),
            (columns.outcome, outcome),
        )
        for column, wanted in conditions:
            if wanted is not None:
                query = query.where(column == wanted)
        if since is not None:
            query = query.where(columns.claimed_at >= since)
        if until is not None:
            query = query.where(columns.claimed_at < until)
        if number is not None:
            query = query.where(columns.to_number.endswith(number, autoescape=True))
        page = query
        while True:
            with self._database.read() as tx:
                rows = tx.execute(page).mappings().all()
            yield from map(self._call, rows)
            if len(rows) < _PAGE:
                return
            page = query.where(columns.id < rows[-1]["id"])

    def read(self, row_ids: Collection[int]) -> list[Call]:
        """Read calls by their ``id``; calls of other environments are omitted."""
        columns = schema.call.c
        mine = (columns.id.in_(row_ids), columns.environment == self._environment)
        query = _with_completion().where(*mine).order_by(columns.id)
        with self._database.read() as tx:
            return [self._call(row) for row in tx.execute(query).mappings()]

    def history(self, row_id: int) -> list[Event]:
        """Return the events of a call, in order.

        :param row_id: the ``id`` of the call.
        """
        columns = schema.call_event.c
        query = (
            sa.select(columns.at, columns.kind, columns.actor, columns.detail)
            .where(columns.call == row_id)
            .order_by(columns.id)
        )
        with self._database.read() as tx:
            return [Event(*row) for row in tx.execute(query)]

    def count_by_state(self) -> dict[CallState, int]:
        """Count the calls in each state."""
        query = (
            sa.select(schema.call.c.state, sa.func.count())
            .where(schema.call.c.environment == self._environment)
            .group_by(schema.call.c.state)
            .order_by(schema.call.c.state)
        )
        with self._database.read() as tx:
            return {CallState(state): count for state, count in tx.execute(query)}

    def count_everywhere(self) -> dict[tuple[str, CallState], int]:
        """Count the calls in each environment and state."""
        kind = (schema.call.c.environment, schema.call.c.state)
        with self._database.read() as tx:
            rows = tx.execute(sa.select(*kind, sa.func.count()).group_by(*kind).order_by(*kind))
            return {(environment, CallState(state)): count for environment, state, count in rows}

    def count_of_task(self, source: Source) -> dict[str, int]:
        """Count the calls of a task in one run: ended ones by outcome, the others by state."""
        columns = schema.call.c
        kind = sa.func.coalesce(columns.outcome, columns.state).label("kind")
        query = (
            sa.select(kind, sa.func.count())
            .where(columns.environment == self._environment, columns.dag_id == source.dag_id)
            .where(columns.logical_run == source.logical_run, columns.task_id == source.task_id)
            .where(columns.map_index == source.map_index)
            .group_by(kind)
        )
        with self._database.read() as tx:
            return {str(kind): count for kind, count in tx.execute(query)}

    def oldest_open(self) -> datetime | None:
        """Return when the oldest call that waits for its completion was claimed, in any environment.

        Calls older than a day are ignored: they are lost, and do not indicate a current problem.
        """
        columns = schema.call.c
        waits = columns.state.in_([CallState.QUEUED, CallState.OVERDUE])
        with self._database.read() as tx:
            is_recent = columns.claimed_at > time_of(tx) - LOST
            oldest: datetime | None = tx.scalar(sa.select(sa.func.min(columns.claimed_at)).where(waits, is_recent))
        return oldest

    def _call(self, row: sa.RowMapping) -> Call:
        return Call(
            id=row["id"],
            ref=row["ref"],
            environment=row["environment"],
            state=CallState(row["state"]),
            call_id=row["call_id"],
            idempotency_key=row["key_label"],
            host=row["host"],
            conn_id=row["conn_id"],
            source=Source(**{name: row[name] for name in _SOURCE}),
            agent_id=row["agent_id"],
            from_number=row["from_number"],
            to_number=row["to_number"],
            fingerprint=row["fingerprint"],
            request=row["request"],
            metadata=row["metadata"],
            claimed_at=row["claimed_at"],
            claim_expires_at=row["claim_expires_at"],
            deadline=row["deadline"],
            queued_at=row["queued_at"],
            completed_at=row["completed_at"],
            error_code=row["error_code"],
            error_message=row["error_message"],
            attempt=row["attempt"],
            list_id=row["list_id"],
            rule=row["rule"],
            wait_until=row["wait_until"],
            purged_at=row["purged_at"],
            completion=self._completion(row),
        )

    def _completion(self, row: sa.RowMapping) -> Completion | None:
        if row["body"] is None:
            return None
        return stored_completion(row["body"], row["call_id"], row["outcome"], extracted_field=self._extracted_field)


def _with_completion() -> sa.Select[Any]:
    call, completion = schema.call, schema.completion
    return sa.select(call, completion.c.body).outerjoin_from(call, completion, call.c.completion_id == completion.c.id)
