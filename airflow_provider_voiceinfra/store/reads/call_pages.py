"""Pages of calls, newest first, which are as fast in a store of a million calls as in a small one.

A page is read from its cursor, by an index. If no index covers the filter, a limited number of the newest calls is
scanned; the page then says how far back, and can be continued.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.models import CallState
from airflow_provider_voiceinfra.store.reads.call_filter import AccessPath, CallFilter, Condition, find_access_path

PAGE = 50
WINDOW = 10_000
"""The maximum number of calls that are scanned for a page."""

_call = schema.call.c
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PageCursor:
    """A position between two calls, where a page ends and the next one begins."""

    claimed_at: datetime
    id: int

    def __str__(self) -> str:
        return f"{(self.claimed_at - _EPOCH) // timedelta(microseconds=1)}-{self.id}"

    @classmethod
    def parse(cls, text: str) -> PageCursor | None:
        """Parse a cursor from a URL; None if it is invalid."""
        match = re.fullmatch(r"(\d{1,17})-(\d{1,18})", text, re.ASCII)
        return match and cls(_EPOCH + timedelta(microseconds=int(match[1])), int(match[2]))

    def beyond(self, path: AccessPath, *, back: bool) -> Condition:
        """Return the condition, in SQL, of older or newer calls."""
        row_id = _call.id if path.by_id is None else path.by_id
        by_id = row_id < self.id if back else row_id > self.id
        if path.by_id is not None:
            return by_id
        # The first condition is for the index.
        first = _call.claimed_at <= self.claimed_at if back else _call.claimed_at >= self.claimed_at
        return sa.and_(first, sa.or_(_call.claimed_at != self.claimed_at, by_id))


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call, as a page shows it."""

    id: int
    ref: str
    state: CallState
    outcome: str | None
    dag_id: str | None
    run_id: str | None
    task_id: str | None
    map_index: int
    list_id: str | None
    attempt: int
    to_number: str = field(repr=False)
    claimed_at: datetime
    completed_at: datetime | None
    rule: str | None


_SHOWN = [_call[column.name] for column in fields(CallRow)]


@dataclass(frozen=True, slots=True)
class Delivered:
    """A body that was delivered for a call.

    :param first: False for a body that differs from the first one: it is kept, without effect.
    :param redeliveries: how often it was delivered again.
    """

    received_at: datetime
    first: bool
    redeliveries: int
    last_redelivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class IntentCall:
    """One of the calls of an intent: its first call, or a redial."""

    ref: str
    attempt: int
    state: CallState
    outcome: str | None


@dataclass(frozen=True, slots=True)
class CallPage:
    """A page of calls, newest first.

    :param newer: the cursor of newer calls; None if there are none.
    :param older: the cursor of older calls; None if there are none.
    :param looked_to: how far back calls were scanned, if that was not far enough to fill the page.
    """

    rows: list[CallRow]
    newer: PageCursor | None
    older: PageCursor | None
    looked_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class CallCount:
    """How many calls a filter finds.

    :param is_all: False if only the newest :data:`WINDOW` calls were counted: there may be more.
    """

    calls: int
    is_all: bool

    def __str__(self) -> str:
        return f"{self.calls:,}{'' if self.is_all else '+'}"


class CallPages:
    """Reads pages of calls.

    :param environment: calls of other environments are not visible.
    """

    def __init__(self, database: Database, environment: str) -> None:
        self._database = database
        self._environment = environment

    def older(
        self, wanted: CallFilter, dag_ids: Collection[str] | None = None, *, than: PageCursor | None = None
    ) -> CallPage:
        """Read the calls that are older than a cursor.

        :param dag_ids: only calls of these DAGs; None for all calls, including those without a DAG.
        :param than: the cursor; by default, the page begins with the newest call.
        """
        return self._page(wanted, dag_ids, than, back=True)

    def newer(
        self, wanted: CallFilter, dag_ids: Collection[str] | None = None, *, than: PageCursor | None = None
    ) -> CallPage:
        """Read the calls that are newer than a cursor.

        :param than: the cursor; by default, the page ends with the oldest call.
        """
        return self._page(wanted, dag_ids, than, back=False)

    def count(
        self, wanted: CallFilter, dag_ids: Collection[str] | None = None, *, newer_than: PageCursor | None = None
    ) -> CallCount:
        """Count calls, among the newest :data:`WINDOW` of them.

        :param dag_ids: only calls of these DAGs; None for all calls, including those without a DAG.
        :param newer_than: only calls that are newer than this cursor.
        """
        found, left = 0, WINDOW
        with self._database.read() as tx:
            path = find_access_path(tx, self._environment, wanted, dag_ids)
            times = _times(path, wanted, newer_than, back=False)
            fits = sa.and_(sa.true(), *path.rest).label("fits")
            for among in path.among:
                window = _window(path, (*among, *times), back=True).add_columns(fits).limit(left).subquery()
                counts = sa.select(sa.func.count(), sa.func.count().filter(window.c.fits)).select_from(window)
                scanned, fitting = tx.execute(counts).one()
                found, left = found + fitting, left - scanned
        return CallCount(found, is_all=left > 0)

    def dag_ids(self) -> list[str]:
        """List the DAGs that have placed calls, jumping from one to the next in their index."""
        mine = _call.environment == self._environment
        first = sa.select(sa.func.min(_call.dag_id).label("dag_id")).where(mine).cte("dags", recursive=True)
        following = (
            sa.select(sa.func.min(_call.dag_id)).where(mine, _call.dag_id > first.c.dag_id).correlate(first)
        ).scalar_subquery()
        dags = first.union_all(sa.select(following).where(first.c.dag_id.is_not(None)))
        with self._database.read() as tx:
            return list(tx.scalars(sa.select(dags.c.dag_id).where(dags.c.dag_id.is_not(None))))

    def deliveries(self, call_id: str) -> list[Delivered]:
        """List the bodies that were delivered for a call that was placed here, in the order of arrival."""
        columns = schema.completion.c
        same = _call.call_id == columns.call_id
        ours = sa.exists().where(same, _call.environment == self._environment)
        others = sa.exists().where(same, _call.environment != self._environment)
        query = sa.select(columns.received_at, columns.first, columns.redeliveries, columns.last_redelivered_at)
        rows = self._database.rows(query.where(columns.call_id == call_id, ours, ~others).order_by(columns.id))
        return [Delivered(*row) for row in rows]

    def of_intent(self, ref: str) -> list[IntentCall]:
        """List the calls of the same intent as a call, that call included, in order."""
        this = schema.call.alias()
        query = (
            sa.select(_call.ref, _call.attempt, _call.state, _call.outcome)
            .join_from(this, schema.call, schema.same_intent(this.c, _call))
            .where(this.c.ref == ref, _call.environment == self._environment)
            .order_by(_call.id)
        )
        rows = self._database.rows(query)
        return [IntentCall(ref, attempt, CallState(state), outcome) for ref, attempt, state, outcome in rows]

    def ref_of_task(self, dag_id: str, runs: Collection[str], task_id: str, map_index: int) -> str | None:
        """Return the ref of the newest call of a task.

        :param runs: identifiers of its run, as ``run`` or ``run_id``.
        """
        of_task = (_call.dag_id == dag_id, _call.logical_run.in_(runs), _call.task_id == task_id)
        query = sa.select(_call.ref).where(*of_task, _call.map_index == map_index)
        query = query.where(_call.environment == self._environment)
        return self._database.scalar(query.order_by(_call.id.desc()).limit(1))

    def _page(
        self, wanted: CallFilter, dag_ids: Collection[str] | None, cursor: PageCursor | None, *, back: bool
    ) -> CallPage:
        with self._database.read() as tx:
            path = find_access_path(tx, self._environment, wanted, dag_ids)
            times = _times(path, wanted, cursor, back=back)
            found = [key for among in path.among for key in _walk(tx, path, (*among, *times), back=back)]
            found.sort(key=_position(path), reverse=back)
            keys, end = found[:PAGE], None
            if len(found) <= PAGE and path.in_order:
                end = _end_of_window(tx, path, times, back=back)
            rows = _read(tx, keys)
        rows.sort(key=_position(path), reverse=True)
        far = keys[-1] if len(found) > PAGE else end
        near = cursor and (keys[0] if keys else cursor)
        looked_to = end.claimed_at if end else None
        return CallPage(rows, near, far, looked_to) if back else CallPage(rows, far, near, looked_to)


def _position(path: AccessPath) -> Callable[[PageCursor | CallRow], tuple[datetime, int] | int]:
    """Return the key by which calls are sorted."""
    return (lambda each: each.id) if path.by_id is not None else lambda each: (each.claimed_at, each.id)


def _times(path: AccessPath, wanted: CallFilter, cursor: PageCursor | None, *, back: bool) -> list[Condition]:
    """Return the conditions that restrict what an index reads: on times, and to one side of a cursor."""
    # An index in the order of ids does not restrict times: they are among the rest.
    times = wanted.times() if path.by_id is None else []
    return times if cursor is None else [*times, cursor.beyond(path, back=back)]


def _walk(tx: sa.Connection, path: AccessPath, among: tuple[Condition, ...], *, back: bool) -> Iterator[PageCursor]:
    """Yield the calls of a page, and one more, in the order of an index. Calls outside the window are not read."""
    fits = sa.and_(sa.true(), *path.rest).label("fits")
    window = _window(path, among, back=back).add_columns(fits).limit(WINDOW).subquery()
    # In the window's order: sorting would have to read all of it.
    query = sa.select(window.c.claimed_at, window.c.id).where(window.c.fits).limit(PAGE + 1)
    return (PageCursor(*row) for row in tx.execute(query).all())


def _window(path: AccessPath, among: tuple[Condition, ...], *, back: bool) -> sa.Select[tuple[datetime, int]]:
    columns = (_call.claimed_at, _call.id) if path.by_id is None else (path.by_id,)
    order = [column.desc() if back else column.asc() for column in columns]
    return sa.select(_call.claimed_at, _call.id).where(*among).order_by(*order)


def _end_of_window(tx: sa.Connection, path: AccessPath, times: list[Condition], *, back: bool) -> PageCursor | None:
    """Return where the window ends; None if it contains all calls."""
    if len(path.among) != 1:
        # With several conditions, each returns a whole page.
        return None
    window = _window(path, (*path.among[0], *times), back=back)
    row = tx.execute(window.offset(WINDOW - 1).limit(1)).first()
    return None if row is None else PageCursor(row.claimed_at, row.id)


def _read(tx: sa.Connection, keys: list[PageCursor]) -> list[CallRow]:
    query = sa.select(*_SHOWN).where(_call.id.in_([key.id for key in keys]))
    return [CallRow(**row | {"state": CallState(row["state"])}) for row in map(dict, tx.execute(query).mappings())]
