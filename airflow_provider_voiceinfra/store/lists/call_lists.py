"""Call lists: one for each task, and the rows that are read into it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.hashing import hash_key, join_parts
from airflow_provider_voiceinfra.store.lists.list_progress import count_rows
from airflow_provider_voiceinfra.store.lists.list_states import ListState, state_columns
from airflow_provider_voiceinfra.store.lists.row_values import NewRow, RowState
from airflow_provider_voiceinfra.store.models import CallState, Realm, Source

_list, _row, _pause, _budget = schema.call_list.c, schema.call_list_row.c, schema.pause.c, schema.budget.c
# Whether a pause that a row's list may have met was ended with the waiting calls cancelled.
_IS_CANCELLED = sa.exists().where(
    _list.id == _row.list_id,
    _pause.environment == _list.environment,
    _pause.resumed_at >= _list.created_at,
    _pause.cancelled,
    sa.or_(_pause.scope != Scope.LIST, _pause.name == _list.id),
    sa.or_(_pause.scope != Scope.DAG, _pause.name == _list.dag_id),
)
# Which rows become what the source says now. So do those that VoiceInfra refused: what was wrong may have been the row.
# But where a person has cancelled a list, nobody is called because somebody clears a whole run.
_UNDIALLED = sa.and_(
    _row.attempt == 1,
    sa.or_(
        sa.and_(_row.state == RowState.PENDING, _row.cancelled.is_(None)),
        sa.and_(_row.state == RowState.DONE, _row.result == CallState.REJECTED, ~_IS_CANCELLED),
    ),
)
# What a row that was not dialled takes over when it is read again.
_UPDATED = (
    "position",
    "to_number",
    "numbers",
    "next_number",
    "fields",
    "metadata",
    "state",
    "result",
    "ended_at",
    "call_ref",
    "due_at",
    "priority",
    "due_priority",
    "in_pilot",
    "import_version",
)


class SupersededImportError(StoreError):
    """Another try of the task has begun to read the list since."""

    def __init__(self, list_id: str) -> None:
        super().__init__(
            f"Another try of this task reads the list {list_id}, because this one was taken for lost: it ends here, "
            "and dials nobody."
        )


class CallLists:
    """Keeps lists, and what was read into them.

    :param database: the store's database.
    :param environment: lists of different environments do not meet.
    """

    def __init__(self, database: Database, environment: str) -> None:
        self._database = database
        self._environment = environment
        self._is_mine = sa.exists().where(_list.id == _row.list_id, _list.environment == environment)

    def open(self, source: Source, realm: Realm = Realm.LIVE) -> str:
        """Find the list of a task, or make it.

        :param realm: of its calls: whom the sandbox has called, nobody has.
        :return: its id, the same for all tries and clears of the task.
        """
        parts = (self._environment, realm, source.dag_id, source.logical_run, source.task_id, source.map_index)
        list_id = f"vl_{hash_key(join_parts(*parts))[:16]}"
        row = {
            "id": list_id,
            "environment": self._environment,
            "dag_id": source.dag_id or "",
            "run_id": source.run_id or "",
            "task_id": source.task_id or "",
            "map_index": source.map_index,
            "import_version": 0,
            "state": ListState.READING,
        }
        with self._database.write() as tx:
            row["created_at"] = time_of(tx)
            tx.execute(schema.insert(tx, schema.call_list).values(row).on_conflict_do_nothing())
        return list_id

    def resume_at(self, list_id: str) -> datetime | None:
        """Return until when no calls of a list are sent to VoiceInfra; None if they may be sent."""
        with self._database.read() as tx:
            at: datetime | None = tx.scalar(sa.select(_list.resume_at).where(_list.id == list_id))
        return at

    def wait_until(self, list_id: str, resume_at: datetime | None) -> None:
        """Note until when a list places no calls; see :meth:`resume_at`."""
        with self._database.write() as tx:
            tx.execute(sa.update(schema.call_list).where(_list.id == list_id).values(resume_at=resume_at))

    def talked(self, list_id: str) -> timedelta:
        """Return how long the calls of a list have talked, where its minutes are limited; see :class:`.ListBudget`."""
        its = (_budget.environment == self._environment, _budget.realm.in_(list(Realm)), _budget.name == list_id)
        with self._database.read() as tx:
            return timedelta(seconds=tx.scalar(sa.select(_budget.talked_seconds).where(*its)) or 0)

    def is_imported(self, list_id: str, clear: int) -> bool:
        """Return whether the rows were read to their end, since the task was cleared last."""
        with self._database.read() as tx:
            imported_generation: int | None = tx.scalar(sa.select(_list.imported_generation).where(_list.id == list_id))
        return imported_generation is not None and imported_generation >= clear

    def begin_import(self, list_id: str) -> int:
        """Begin to read the rows, for the first time or again.

        :return: the version of this import.
        """
        reading = {**state_columns(ListState.READING), "cancelled_by": None, "import_version": _list.import_version + 1}
        update = sa.update(schema.call_list).where(_list.id == list_id).values(reading)
        with self._database.write() as tx:
            import_version: int = tx.execute(update.returning(_list.import_version)).scalar_one()
        return import_version

    def add(self, list_id: str, rows: Sequence[NewRow], import_version: int) -> None:
        """Keep rows that were read.

        A key or a number that has come before in the same import is set aside, and so is the number of a row that was
        dialled under another key.

        :raises SupersededImportError: if another import has begun since.
        """
        with self._database.write() as tx:
            _lock_import(tx, list_id, import_version)
            batch = _Batch(tx, list_id, rows, import_version)
            for row in rows:
                batch.add(row)
            batch.write()

    def finish_import(self, list_id: str, import_version: int, clear: int) -> None:
        """Note that all rows were read; what was there before, was not dialled and is gone now, is dropped.

        :raises SupersededImportError: if another import has begun since.
        """
        before = (_row.list_id == list_id, _row.import_version < import_version)
        with self._database.write() as tx:
            _lock_import(tx, list_id, import_version)
            tx.execute(sa.update(schema.call_list_row).where(*before, _UNDIALLED).values(state=RowState.DROPPED))
            tx.execute(sa.delete(schema.call_list_row).where(*before, _row.state == RowState.SET_ASIDE))
            read = {**state_columns(ListState.PLANNED), "imported_generation": clear}
            tx.execute(sa.update(schema.call_list).where(_list.id == list_id).values(read))

    def discard(self, list_id: str) -> None:
        """Forget a list of which nobody was called."""
        with self._database.write() as tx:
            tx.execute(sa.delete(schema.call_list_row).where(_row.list_id == list_id))
            tx.execute(sa.delete(schema.call_list).where(_list.id == list_id))

    def counts(self, list_id: str) -> Counter[tuple[RowState, str]]:
        """Count the rows by state and result."""
        with self._database.read() as tx:
            return count_rows(tx, self._environment, list_id)

    def refs(self, list_id: str, results: Collection[str], limit: int = 20) -> list[str]:
        """List the refs of rows that ended in one of these ways."""
        query = sa.select(_row.call_ref).where(_row.list_id == list_id, _row.result.in_(results), self._is_mine)
        with self._database.read() as tx:
            return [ref for ref in tx.scalars(query.limit(limit)) if ref]


class _Batch:
    """Rows that are read together, beside those that were read before."""

    def __init__(self, tx: sa.Connection, list_id: str, rows: Sequence[NewRow], import_version: int) -> None:
        self._tx = tx
        self._list_id = list_id
        self._import_version = import_version
        self._new: list[dict[str, Any]] = []
        self._updates: dict[int, dict[str, Any]] = {}
        self._known = self._known_by_key({_name(row) for row in rows})
        self._numbers = self._taken({number for row in rows for number in row.numbers or (row.to_number,)})

    def add(self, new: NewRow) -> None:
        """Take a row, or set it aside."""
        values, key_hash = self._values(new), _name(new)
        numbers = new.numbers or (new.to_number,)
        index = next((index for index, number in enumerate(numbers) if number not in self._numbers), None)
        known = self._known.get(key_hash)
        if new.wrong is not None:
            self._set_aside(values, new.wrong)
        elif key_hash in self._known and (known is None or known.import_version == self._import_version):
            self._set_aside(values, "duplicate_key")
        elif known is not None and not known.is_undialled and known.state != RowState.DROPPED:
            self._updates[known.id] = {"import_version": self._import_version}
            self._known[key_hash] = None
        elif index is None:
            self._set_aside(values, "duplicate_number")
        else:
            self._take(known, values | {"to_number": numbers[index], "next_number": index})

    def write(self) -> None:
        """Write what was taken."""
        if self._new:
            self._tx.execute(schema.call_list_row.insert(), self._new)
        # Those that only come again, and those that take over what the source says now: a statement for each kind.
        kinds: defaultdict[frozenset[str], list[dict[str, Any]]] = defaultdict(list)
        for row_id, changes in sorted(self._updates.items()):
            kinds[frozenset(changes)].append({"row": row_id, **{f"new_{name}": changes[name] for name in changes}})
        for names, rows in kinds.items():
            values = {name: sa.bindparam(f"new_{name}", type_=_row[name].type) for name in sorted(names)}
            update = sa.update(schema.call_list_row).where(_row.id == sa.bindparam("row")).values(values)
            self._tx.execute(update, rows)

    def _known_by_key(self, keys: Collection[str]) -> dict[str, Any]:
        """Return the rows that are there, by key; those that are new in this batch are noted as None."""
        columns = (*schema.call_list_row.c, _UNDIALLED.label("is_undialled"))
        known = sa.select(*columns).where(_row.list_id == self._list_id, _row.key_hash.in_(keys))
        return {row.key_hash: row for row in self._tx.execute(known)}

    def _taken(self, numbers: Collection[str]) -> set[str]:
        """Return the numbers of this import, and of rows that stay; the others give theirs up first.

        They may be gone from the source by now, or have another number. One that comes again is taken again.
        """
        theirs = (_row.list_id == self._list_id, _row.to_number.in_(numbers), sa.text(schema.HAS_NUMBER))
        others = (*theirs, _row.import_version < self._import_version, _UNDIALLED)
        self._tx.execute(sa.update(schema.call_list_row).where(*others).values(state=RowState.DROPPED))
        return set(self._tx.scalars(sa.select(_row.to_number).where(*theirs)))

    def _take(self, known: Any, values: dict[str, Any]) -> None:
        self._known[values["key_hash"]] = None
        self._numbers.add(values["to_number"])
        if known is None:
            self._new.append(values)
        else:
            self._updates[known.id] = {name: values[name] for name in _UPDATED}

    def _values(self, new: NewRow) -> dict[str, Any]:
        return {
            "list_id": self._list_id,
            "position": new.position,
            "key_hash": _name(new),
            "key": new.key,
            "to_number": new.to_number,
            "numbers": list(new.numbers),
            "next_number": 0,
            "fields": dict(new.fields),
            "metadata": dict(new.metadata),
            "state": RowState.PENDING,
            "result": None,
            "ended_at": None,
            "call_ref": None,
            "attempt": 1,
            "due_at": time_of(self._tx),
            "priority": new.priority,
            "due_priority": new.priority,
            "in_pilot": None,
            "import_version": self._import_version,
        }

    def _set_aside(self, values: dict[str, Any], reason: str) -> None:
        # Under a name of its own: the key is another row's, or is not known.
        own = f"{values['key_hash']}/{values['position']}/{values['import_version']}"
        self._new.append(values | {"key_hash": hash_key(own), "state": RowState.SET_ASIDE, "result": reason})


def _lock_import(tx: sa.Connection, list_id: str, import_version: int) -> None:
    """Let nobody begin another import before the transaction ends; one that was begun is an error."""
    if tx.scalar(sa.select(_list.import_version).where(_list.id == list_id).with_for_update()) != import_version:
        raise SupersededImportError(list_id)


def _name(row: NewRow) -> str:
    return hash_key(row.key or row.to_number)
