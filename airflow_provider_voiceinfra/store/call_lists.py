"""Call lists: the rows that were read, and how far each has come."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import tables
from airflow_provider_voiceinfra.store.database import Database
from airflow_provider_voiceinfra.store.holders import hash_key
from airflow_provider_voiceinfra.store.records import CallState, Source

_list, _row, _call = tables.call_list.c, tables.call_list_row.c, tables.call.c
_OPEN_CALLS = (CallState.CLAIMED, CallState.QUEUED, CallState.UNKNOWN)


class RowState(StrEnum):
    """How far a row has come."""

    PENDING = "pending"
    """To be called when it is due."""
    OPEN = "open"
    """Its call is going on, or is unknown."""
    DONE = "done"
    """It has its end state, see ``result``."""
    SET_ASIDE = "set_aside"
    """It is not called, because something is wrong with it."""
    DROPPED = "dropped"
    """It was not in the source any more when that was read again."""


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row as it was read and checked.

    :param position: in the source, from 1.
    :param key: the user's own, or None.
    :param fields: of the call, and ``timezone`` and ``not_after``.
    :param wrong: why it is set aside; None where nothing is wrong.
    """

    position: int
    key: str | None = field(repr=False)
    to_number: str = field(repr=False)
    fields: Mapping[str, Any] = field(repr=False)
    metadata: Mapping[str, Any] = field(repr=False)
    wrong: str | None = None


@dataclass(frozen=True, slots=True)
class ListRow:
    """A row of a list.

    :param attempt: that is due next, or is going on.
    :param call_ref: of its latest call.
    """

    id: int
    position: int
    key: str | None = field(repr=False)
    to_number: str = field(repr=False)
    fields: Mapping[str, Any] = field(repr=False)
    metadata: Mapping[str, Any] = field(repr=False)
    attempt: int
    call_ref: str | None


@dataclass(frozen=True, slots=True)
class OpenCall:
    """The call of a row that is open, as the store knows it now."""

    row_id: int
    attempt: int
    ref: str
    call_id: str | None
    state: CallState
    outcome: str | None
    completed_at: datetime | None
    deadline: datetime


class CallLists:
    """Keeps lists and their rows.

    :param database: the store's database.
    :param environment: lists of different environments do not meet.
    """

    def __init__(self, database: Database, environment: str) -> None:
        self._database = database
        self._environment = environment

    def open(self, source: Source) -> str:
        """Find the list of a task, or make it.

        :return: its id, the same for all tries and clears of the task.
        """
        place = (self._environment, source.dag_id, source.run, source.task_id, source.map_index)
        list_id = f"vl_{hashlib.sha256('/'.join(map(str, place)).encode()).hexdigest()[:16]}"
        row = {
            "id": list_id,
            "environment": self._environment,
            "dag_id": source.dag_id or "",
            "run_id": source.run_id or "",
            "task_id": source.task_id or "",
            "map_index": source.map_index,
            "created_at": datetime.now(UTC),
        }
        with self._database.write() as tx:
            tx.execute(tables.insert(tx, tables.call_list).values(row).on_conflict_do_nothing())
        return list_id

    def is_read(self, list_id: str, clear: int) -> bool:
        """Tell whether the rows were read to their end, since the task was cleared last."""
        with self._database.read() as tx:
            read_by: int | None = tx.scalar(sa.select(_list.read_by).where(_list.id == list_id))
        return read_by is not None and read_by >= clear

    def add(self, list_id: str, rows: Sequence[NewRow], clear: int) -> None:
        """Keep rows that were read. A key or a number that was read before is set aside."""
        with self._database.write() as tx:
            for row in rows:
                self._add(tx, list_id, row, clear)

    def finish_reading(self, list_id: str, clear: int) -> None:
        """Note that all rows were read; what was there before, was not dialled and is gone now, is dropped."""
        before = (_row.list_id == list_id, _row.read_by < clear)
        gone = (*before, _row.state == RowState.PENDING, _row.attempt == 1)
        with self._database.write() as tx:
            tx.execute(sa.update(tables.call_list_row).where(*gone).values(state=RowState.DROPPED))
            tx.execute(sa.delete(tables.call_list_row).where(*before, _row.state == RowState.SET_ASIDE))
            tx.execute(sa.update(tables.call_list).where(_list.id == list_id).values(read_by=clear))

    def due(self, list_id: str, now: datetime, count: int) -> list[ListRow]:
        """List the rows that are due, in the order of the source."""
        columns = (_row.id, _row.position, _row.key, _row.to_number, _row.fields, _row.metadata, _row.attempt)
        query = (
            sa.select(*columns, _row.call_ref)
            .where(_row.list_id == list_id, _row.state == RowState.PENDING, _row.due_at <= now)
            .order_by(_row.due_at, _row.id)
            .limit(count)
        )
        with self._database.read() as tx:
            return [ListRow(*row) for row in tx.execute(query)]

    def next_due(self, list_id: str) -> datetime | None:
        """Tell when the next row is due; None where none is pending."""
        pending = (_row.list_id == list_id, _row.state == RowState.PENDING)
        with self._database.read() as tx:
            due: datetime | None = tx.scalar(sa.select(sa.func.min(_row.due_at)).where(*pending))
        return due

    def open_calls(self, list_id: str) -> list[OpenCall]:
        """Give the calls of the rows that are open."""
        columns = (_row.id, _row.attempt, _call.ref, _call.call_id, _call.state, _call.outcome)
        query = (
            sa.select(*columns, _call.completed_at, _call.deadline)
            .join_from(tables.call_list_row, tables.call, _call.ref == _row.call_ref)
            .where(_row.list_id == list_id, _row.state == RowState.OPEN)
        )
        with self._database.read() as tx:
            return [OpenCall(*row) for row in tx.execute(query)]

    def ended_calls(self, list_id: str) -> int:
        """Count the rows that are open and whose call has ended: lines that are free."""
        query = (
            sa.select(sa.func.count())
            .select_from(tables.call_list_row)
            .join(tables.call, _call.ref == _row.call_ref)
            .where(_row.list_id == list_id, _row.state == RowState.OPEN, _call.state.not_in(_OPEN_CALLS))
        )
        with self._database.read() as tx:
            return tx.scalar(query) or 0

    def called(self, row_id: int, ref: str) -> None:
        """Note that a row's call is going on."""
        self._update(row_id, state=RowState.OPEN, call_ref=ref)

    def wait(self, row_id: int, until: datetime, *, attempt: int | None = None) -> None:
        """Let a row be due later."""
        again = {} if attempt is None else {"attempt": attempt}
        self._update(row_id, state=RowState.PENDING, due_at=until, **again)

    def done(self, row_id: int, result: str, ref: str | None = None) -> None:
        """Note how a row has ended."""
        call = {} if ref is None else {"call_ref": ref}
        self._update(row_id, state=RowState.DONE, result=result, ended_at=datetime.now(UTC), **call)

    def latest_results(self, list_id: str, since: datetime, count: int) -> list[str]:
        """Give how the rows ended that ended last, the newest first.

        :param since: only of those that ended at this time or later.
        """
        query = (
            sa.select(_row.result)
            .where(_row.list_id == list_id, _row.state == RowState.DONE, _row.ended_at >= since)
            .order_by(_row.ended_at.desc(), _row.id.desc())
            .limit(count)
        )
        with self._database.read() as tx:
            return list(tx.scalars(query))

    def count_results(self, list_id: str, result: str, since: datetime) -> int:
        """Count the rows that ended in a way, at this time or later."""
        ended = (_row.list_id == list_id, _row.state == RowState.DONE, _row.ended_at >= since, _row.result == result)
        query = sa.select(sa.func.count()).select_from(tables.call_list_row).where(*ended)
        with self._database.read() as tx:
            return tx.scalar(query) or 0

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
                tx.execute(sa.update(tables.call_list_row).where(*pending, named).values(seen_by=look))
        return self._end(*pending, sa.func.coalesce(_row.seen_by, "") != look, result=result)

    def _end(self, *where: sa.ColumnElement[bool], result: str) -> int:
        ended = {"state": RowState.DONE, "result": result, "ended_at": datetime.now(UTC)}
        with self._database.write() as tx:
            return int(tx.execute(sa.update(tables.call_list_row).where(*where).values(**ended)).rowcount)

    def counts(self, list_id: str) -> Counter[tuple[RowState, str]]:
        """Count the rows by state and result."""
        query = (
            sa.select(_row.state, _row.result, sa.func.count())
            .where(_row.list_id == list_id)
            .group_by(_row.state, _row.result)
        )
        with self._database.read() as tx:
            return Counter({(RowState(state), result or ""): count for state, result, count in tx.execute(query)})

    def refs(self, list_id: str, results: Collection[str], limit: int = 20) -> list[str]:
        """List the refs of rows that ended in one of these ways."""
        query = sa.select(_row.call_ref).where(_row.list_id == list_id, _row.result.in_(results)).limit(limit)
        with self._database.read() as tx:
            return [ref for ref in tx.scalars(query) if ref]

    def _add(self, tx: sa.Connection, list_id: str, new: NewRow, clear: int) -> None:
        key_hash = hash_key(new.key or new.to_number)
        values = {
            "list_id": list_id,
            "position": new.position,
            "key_hash": key_hash,
            "key": new.key,
            "to_number": new.to_number,
            "fields": dict(new.fields),
            "metadata": dict(new.metadata),
            "state": RowState.PENDING,
            "attempt": 1,
            "due_at": datetime.now(UTC),
            "read_by": clear,
        }
        if new.wrong is not None:
            self._set_aside(tx, values, new.wrong)
            return
        insert = tables.insert(tx, tables.call_list_row).values(values).on_conflict_do_nothing()
        if tx.scalar(insert.returning(_row.id)) is not None:
            return
        known = tx.execute(
            sa.select(tables.call_list_row).where(_row.list_id == list_id, _row.key_hash == key_hash)
        ).first()
        if known is None:
            self._set_aside(tx, values, "duplicate_number")
        elif known.read_by == clear:
            self._set_aside(tx, values, "duplicate_key")
        else:
            self._read_again(tx, known, values)

    @staticmethod
    def _read_again(tx: sa.Connection, known: Any, values: dict[str, Any]) -> None:
        """Take over what is new in a row that was not dialled; one that was stays as it is."""
        changes = {"read_by": values["read_by"]}
        if known.state == RowState.DROPPED or (known.state == RowState.PENDING and known.attempt == 1):
            changes = {name: values[name] for name in ("read_by", "position", "fields", "metadata", "state", "due_at")}
        tx.execute(sa.update(tables.call_list_row).where(_row.id == known.id).values(**changes))

    @staticmethod
    def _set_aside(tx: sa.Connection, values: dict[str, Any], why: str) -> None:
        # Under a name of its own: the key is another row's, or is not known.
        own = f"{values['key_hash']}/{values['position']}/{values['read_by']}"
        aside = values | {"key_hash": hash_key(own), "state": RowState.SET_ASIDE, "result": why}
        tx.execute(tables.insert(tx, tables.call_list_row).values(aside).on_conflict_do_nothing())

    def _update(self, row_id: int, **values: Any) -> None:
        with self._database.write() as tx:
            tx.execute(sa.update(tables.call_list_row).where(_row.id == row_id).values(**values))
