"""The rows of call lists: what is due, what is going on, and how each has ended."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.guard.rules import DeniedCall
from airflow_provider_voiceinfra.store.hashing import hash_key
from airflow_provider_voiceinfra.store.history import record_events
from airflow_provider_voiceinfra.store.lists.row_values import DueRow, RowCall, RowState, RowStep
from airflow_provider_voiceinfra.store.many_rows import update_rows
from airflow_provider_voiceinfra.store.models import CallState
from airflow_provider_voiceinfra.store.row_endings import end_uncalled

_row, _call = schema.call_list_row.c, schema.call.c
_OPEN_CALLS = (CallState.CLAIMED, CallState.QUEUED, CallState.UNKNOWN)
PLACE_IF_CALLED = sa.case((_row.attempt == 1, sa.null()), else_=_row.in_pilot)
"""The place in the pilot of a row that the guard denies: another row may take it, unless this one was called before."""


class ListRows:
    """Knows how far the rows of lists have come.

    :param database: the store's database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, list_id: str, now: datetime, count: int, *, by_priority: bool = False) -> list[DueRow]:
        """List the rows that are due, in the order of the source.

        :param by_priority: the highest priority first, and rows without one last.
        """
        if by_priority:
            self._note_due_priorities(list_id, now)
        pending, rows = select_pending(list_id), list[DueRow]()
        due, order = pending.where(_row.due_at <= now), (_row.due_at, _row.id)
        with self._database.read() as tx:
            if by_priority:
                urgent = pending.where(_row.due_priority.is_not(None)).order_by(_row.due_priority.desc(), *order)
                rows = [DueRow(*row) for row in tx.execute(urgent.limit(count))]
                due = due.where(_row.priority.is_(None))
            if len(rows) < count:
                rows += [DueRow(*row) for row in tx.execute(due.order_by(*order).limit(count - len(rows)))]
        return rows

    def _note_due_priorities(self, list_id: str, now: datetime) -> None:
        """Order the rows that have become due among those that were due before."""
        waiting = (_row.list_id == list_id, _row.state == RowState.PENDING, _row.due_at <= now)
        due_again = (*waiting, _row.priority.is_not(None), _row.due_priority.is_(None))
        with self._database.read() as tx:
            if not tx.scalar(sa.select(sa.exists().where(*due_again))):
                return
        with self._database.write() as tx:
            tx.execute(sa.update(schema.call_list_row).where(*due_again).values(due_priority=_row.priority))

    def pending(self, list_id: str, count: int) -> Iterator[list[DueRow]]:
        """List all rows that are still to be called, in batches.

        :param count: of rows in a batch.
        """
        query, after = select_pending(list_id).order_by(_row.id).limit(count), 0
        while True:
            with self._database.read() as tx:
                rows = [DueRow(*row) for row in tx.execute(query.where(_row.id > after))]
            if not rows:
                return
            yield rows
            after = rows[-1].id

    def next_due(self, list_id: str) -> datetime | None:
        """Return when the next row is due; None where none is pending."""
        pending = (_row.list_id == list_id, _row.state == RowState.PENDING)
        with self._database.read() as tx:
            due: datetime | None = tx.scalar(sa.select(sa.func.min(_row.due_at)).where(*pending))
        return due

    def count_open(self, list_id: str, besides: Collection[int] = ()) -> int:
        """Count the rows whose call is going on, as far as was noted: lines that are busy.

        :param besides: rows that are not counted.
        """
        mine = (_row.list_id == list_id, _row.state == RowState.OPEN, _row.id.not_in(besides))
        query = sa.select(sa.func.count()).select_from(schema.call_list_row).where(*mine)
        with self._database.read() as tx:
            return tx.scalar(query) or 0

    def over(self, list_id: str) -> list[RowCall]:
        """Return the calls of open rows that have ended, or that should have by now."""
        columns = (
            _row.id,
            _row.import_version,
            _row.attempt,
            _call.ref,
            _call.call_id,
            _call.state,
            _call.outcome,
            _call.completed_at,
            _row.to_number,
            _row.fields,
            _row.numbers,
            _row.next_number,
            _row.cancelled,
        )
        with self._database.read() as tx:
            now = time_of(tx)
            dead_claim = sa.and_(_call.state == CallState.CLAIMED, _call.claim_expires_at < now)
            is_over = sa.or_(_call.state.not_in(_OPEN_CALLS), _call.deadline < now, dead_claim)
            return [RowCall(*row) for row in tx.execute(self._calls_of(list_id, *columns).where(is_over))]

    def next_deadline(self, list_id: str) -> datetime | None:
        """Return when the next open call is overdue, or too old for a claim; None where none is going on."""
        going_on = _call.state.in_(_OPEN_CALLS)
        over_at = sa.case((_call.state == CallState.CLAIMED, _call.claim_expires_at), else_=_call.deadline)
        with self._database.read() as tx:
            deadline: datetime | None = tx.scalar(self._calls_of(list_id, sa.func.min(over_at)).where(going_on))
        return deadline

    def ended_calls(self, list_id: str) -> int:
        """Count the rows that are open and whose call has ended: lines that are free."""
        ended = _call.state.not_in(_OPEN_CALLS)
        with self._database.read() as tx:
            return tx.scalar(self._calls_of(list_id, sa.func.count()).where(ended)) or 0

    def called(self, row: DueRow, ref: str) -> None:
        """Note that a row's call is going on, which was placed before."""
        self._update(row, state=RowState.OPEN, call_ref=ref)

    def wait(self, row: DueRow, until: datetime) -> None:
        """Let a row be due later."""
        self._update(row, **_due(until))

    def done(self, row: DueRow, result: str, ref: str) -> None:
        """Note how a row has ended."""
        self._update(row, state=RowState.DONE, result=result, ended_at=self._database.clock.now(), call_ref=ref)

    def already_called(self, row: DueRow, ref: str) -> None:
        """Note that a row's key was called elsewhere; see :data:`PLACE_IF_CALLED`."""
        result = {"state": RowState.DONE, "result": "already_called", "ended_at": self._database.clock.now()}
        self._update(row, **result, call_ref=ref, in_pilot=PLACE_IF_CALLED)

    def record_steps(self, steps: Sequence[RowStep]) -> None:
        """Note what becomes of several rows, in one transaction."""
        ours = (_row.id == sa.bindparam("row"), _row.import_version == sa.bindparam("read"))
        again = _due(sa.bindparam("until")) | {"attempt": sa.bindparam("next"), "next_number": sa.bindparam("number")}
        ended: dict[str, Any] = {"state": RowState.DONE, "result": sa.bindparam("how"), "ended_at": sa.bindparam("at")}
        waiting: list[dict[str, Any]] = []
        done: list[dict[str, Any]] = []
        now = self._database.clock.now()
        for step in steps:
            row = {"row": step.row_id, "read": step.import_version}
            if step.until is not None:
                waiting.append(row | {"until": step.until, "next": step.attempt, "number": step.next_number})
            else:
                done.append(row | {"how": step.result, "at": step.ended_at or now})
        with self._database.write() as tx:
            for values, rows in ((again, waiting), (ended, done)):
                if rows:
                    tx.execute(sa.update(schema.call_list_row).where(*ours).values(**values), rows)

    def reopen(self, list_id: str) -> None:
        """Let rows go on that ended while nobody knew how their calls had, where that is known by now."""
        unsettled = _row.result.in_([CallState.UNKNOWN, CallState.OVERDUE])
        is_known = sa.exists().where(_call.ref == _row.call_ref, _call.state != _row.result)
        ended = (_row.list_id == list_id, _row.state == RowState.DONE, unsettled, is_known)
        with self._database.write() as tx:
            reopened = {"state": RowState.OPEN, "result": None, "ended_at": None}
            tx.execute(sa.update(schema.call_list_row).where(*ended).values(**reopened))

    def give_up(self, list_id: str) -> int:
        """End all rows that are pending: those that were called before, as that call ended; others as given up.

        :return: how many.
        """
        return self._end(_row.list_id == list_id, _row.state == RowState.PENDING, result="given_up")

    def count_results(self, list_id: str, result: str, since: datetime) -> int:
        """Count the rows that ended in a way, at this time or later."""
        ended = (_row.list_id == list_id, _row.state == RowState.DONE, _row.ended_at >= since, _row.result == result)
        query = sa.select(sa.func.count()).select_from(schema.call_list_row).where(*ended)
        with self._database.read() as tx:
            return tx.scalar(query) or 0

    def count_unknown(self, list_id: str, since: datetime) -> int:
        """Count the rows that ended as unknown at a time or later; those that one lost worker has left count as one."""
        ended = (_row.list_id == list_id, _row.ended_at >= since, _row.result == CallState.UNKNOWN)
        event = sa.func.coalesce(_call.worker, _call.ref)
        query = sa.select(sa.func.count(event.distinct())).join_from(
            schema.call_list_row, schema.call, _call.ref == _row.call_ref
        )
        with self._database.read() as tx:
            return tx.scalar(query.where(*ended)) or 0

    def end_named(self, list_id: str, keys: Collection[str], result: str) -> int:
        """End the pending rows that have one of these keys; or numbers, where rows have none.

        :return: how many.
        """
        named = (_row.list_id == list_id, _row.state == RowState.PENDING, _row.key_hash.in_(map(hash_key, keys)))
        return self._end(*named, result=result)

    def end_others(self, list_id: str, keys: Iterable[Collection[str]], result: str) -> int:
        """End the pending rows whose key is not among these; or number, where rows have none.

        :param keys: in batches.
        :return: how many.
        """
        pending = (_row.list_id == list_id, _row.state == RowState.PENDING)
        look = secrets.token_hex(8)
        for batch in keys:
            with self._database.write() as tx:
                named = _row.key_hash.in_(map(hash_key, batch))
                tx.execute(sa.update(schema.call_list_row).where(*pending, named).values(seen_by=look))
        return self._end(*pending, sa.func.coalesce(_row.seen_by, "") != look, result=result)

    def _end(self, *where: sa.ColumnElement[bool], result: str) -> int:
        with self._database.write() as tx:
            _release_waiting(tx, *where)
            ended = {"state": RowState.DONE, "ended_at": time_of(tx), **end_uncalled(result)}
            return int(tx.execute(sa.update(schema.call_list_row).where(*where).values(**ended)).rowcount)

    @staticmethod
    def _calls_of(list_id: str, *columns: Any) -> sa.Select[Any]:
        """Select from the calls of the rows that are open."""
        query = sa.select(*columns).join_from(schema.call_list_row, schema.call, _call.ref == _row.call_ref)
        return query.where(_row.list_id == list_id, _row.state == RowState.OPEN)

    def _update(self, row: DueRow, **values: Any) -> None:
        """Record the state of a row, unless another try of the task has gone on with it.

        After another import, the row may name another callee; in a later attempt, they may have answered.
        """
        ours = (_row.id == row.id, _row.import_version == row.import_version, _row.attempt == row.attempt)
        with self._database.write() as tx:
            tx.execute(sa.update(schema.call_list_row).where(*ours).values(**values))


def _release_waiting(tx: sa.Connection, *where: sa.ColumnElement[bool]) -> None:
    """Let the calls of rows that end wait no longer: nothing was sent, and their keys are free."""
    theirs = sa.select(_row.call_ref).where(*where, _row.call_ref.is_not(None))
    waiting = (_call.state == CallState.WAITING, _call.ref.in_(theirs))
    released = {"state": CallState.RELEASED, "key_active": False}
    ids = tx.scalars(sa.update(schema.call).where(*waiting).values(**released).returning(_call.id)).all()
    record_events(tx, "released", {row_id: {"reason": "its row has ended"} for row_id in ids})


def select_rows() -> sa.Select[Any]:
    """Select rows; see :class:`DueRow`."""
    columns = (_row.position, _row.key, _row.to_number, _row.fields, _row.metadata, _row.attempt, _row.call_ref)
    return sa.select(_row.id, _row.import_version, *columns, _row.numbers, _row.next_number)


def select_pending(list_id: str) -> sa.Select[Any]:
    """Select the rows of a list that are still to be called."""
    return select_rows().where(_row.list_id == list_id, _row.state == RowState.PENDING)


def _due(at: Any) -> dict[str, Any]:
    """Return what changes in a row that is due at a time."""
    return {"state": RowState.PENDING, "due_at": at, "due_priority": None}


def open_rows(tx: sa.Connection, refs: Mapping[int, str]) -> None:
    """Note that rows are being called, in the transaction that claims their calls.

    :param refs: of the calls, by row.
    """
    rows = [{"id": row_id, "call_ref": ref} for row_id, ref in sorted(refs.items())]
    update_rows(tx, schema.call_list_row, rows, {"state": RowState.OPEN})


def make_due(tx: sa.Connection, rows: Sequence[DueRow], due_at: datetime) -> None:
    """Let rows be due again whose calls were not sent, unless the list was read again meanwhile."""
    if rows:
        ours = (_row.id == sa.bindparam("row"), _row.import_version == sa.bindparam("read"))
        update = sa.update(schema.call_list_row).where(*ours).values(**_due(due_at))
        tx.execute(
            update, [{"row": row.id, "read": row.import_version} for row in sorted(rows, key=lambda row: row.id)]
        )


def deny_row(tx: sa.Connection, row_id: int, denied: DeniedCall) -> None:
    """Note that the guard blocks or defers the call of a row."""
    now = time_of(tx)
    if denied.state == CallState.WAITING:
        values = _due(denied.denial.until or now) | {"call_ref": denied.ref}
    else:
        values = {"state": RowState.DONE, "ended_at": now, **end_uncalled(denied.state, denied.ref)}
    update = sa.update(schema.call_list_row).where(_row.id == row_id)
    tx.execute(update.values(**values, in_pilot=PLACE_IF_CALLED))
