"""Who does not want to be called, and who added them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.locks import lock

HASH = "hash"
_PERSON = "the person"
_AT_ONCE = 500
_NEWEST = 50
# It never changes, and is kept with each connection.
_STORE_ID = "voiceinfra_store_id"
_listed, _event = schema.do_not_call.c, schema.do_not_call_event.c
_AMONG = sa.select(_listed.number_hash).where(_listed.number_hash.in_(sa.bindparam("hashes", expanding=True)))
_OPTED_OUT = _AMONG.where(_listed.added_by == _PERSON)


@dataclass(frozen=True, slots=True)
class Listed:
    """A number on the list.

    :param number: in E.164; None where only its hash is kept.
    """

    number_hash: str
    number: str | None = field(repr=False)
    added_at: datetime
    added_by: str
    reason: str


class DoNotCall:
    """The list of numbers that are never dialled, in all environments of a store.

    :param database: the store's database.
    :param hashed: keep only hashes of the numbers that are added from now on.
    """

    def __init__(self, database: Database, *, hashed: bool = False) -> None:
        self._database = database
        self._hashed = hashed

    def add(self, numbers: Iterable[str], *, actor: str, reason: str) -> int:
        """Add numbers.

        :param numbers: in E.164.
        :return: how many were not on the list before.
        """
        wanted, added = sorted(set(numbers)), 0
        for start in range(0, len(wanted), _AT_ONCE):
            with self._database.write() as tx:
                batch = wanted[start : start + _AT_ONCE]
                numbers_now = {hash_number(tx, number): None if self._hashed else number for number in batch}
                added += _add(tx, numbers_now, actor=actor, reason=reason)
        return added

    def remove(self, number: str, *, actor: str, reason: str) -> bool:
        """Take a number off the list.

        :return: whether it was on it.
        """
        with self._database.write() as tx:
            gone = tx.scalars(
                sa.delete(schema.do_not_call)
                .where(_listed.number_hash == hash_number(tx, number))
                .returning(_listed.number_hash)
            ).all()
            _record(tx, gone, "removed", actor, reason)
        return bool(gone)

    def newest(self) -> list[Listed]:
        """List the numbers that were added last, the newest first."""
        query = sa.select(schema.do_not_call).order_by(_listed.added_at.desc(), _listed.number_hash).limit(_NEWEST)
        return [Listed(*row) for row in self._database.rows(query)]

    def iterate(self) -> Iterator[Listed]:
        """List the numbers, in no order that tells anything, reading them page by page."""
        after = ""
        query = sa.select(schema.do_not_call).order_by(_listed.number_hash).limit(_AT_ONCE)
        while True:
            with self._database.read() as tx:
                rows = tx.execute(query.where(_listed.number_hash > after)).all()
            yield from (Listed(*row) for row in rows)
            if len(rows) < _AT_ONCE:
                return
            after = rows[-1].number_hash

    def history(self, number: str) -> list[Any]:
        """Return who added and removed a number, when and why."""
        columns = (_event.at, _event.action, _event.actor, _event.reason)
        with self._database.read() as tx:
            query = sa.select(*columns).where(_event.number_hash == hash_number(tx, number)).order_by(_event.id)
            return list(tx.execute(query))

    def among(self, tx: sa.Connection, numbers: Collection[str]) -> set[str]:
        """Return those of some numbers that are on the list."""
        return _find(tx, _AMONG, numbers)

    def opted_out(self, tx: sa.Connection, numbers: Collection[str]) -> set[str]:
        """Return those of some numbers whose callees have opted out themselves, in a call."""
        return _find(tx, _OPTED_OUT, numbers)

    def forget(self, number: str) -> None:
        """Keep nothing but the hash of a number that may be on the list."""
        with self._database.write() as tx:
            tx.execute(
                sa.update(schema.do_not_call).where(_listed.number_hash == hash_number(tx, number)).values(number=None)
            )


def _find(tx: sa.Connection, query: sa.Select[Any], numbers: Collection[str]) -> set[str]:
    hashes = {hash_number(tx, number): number for number in numbers}
    return {hashes[each] for each in tx.scalars(query, {"hashes": list(hashes)})} if hashes else set()


def add_person(tx: sa.Connection, number: str, kept_as: str, call_id: str) -> None:
    """Put a person on the list who asked for it in a call.

    :param number: theirs, in E.164.
    :param kept_as: ``number``, or ``hash`` where only that is to be kept.
    """
    add_person_by_hash(tx, hash_number(tx, number), call_id, number=None if kept_as == HASH else number)


def add_person_by_hash(tx: sa.Connection, number_hash: str, call_id: str, *, number: str | None = None) -> None:
    """Put a person on the list who asked for it in a call, where nothing but the hash of their number is known."""
    reason = f"asked for it in {call_id}"
    _add(tx, {number_hash: number}, actor=_PERSON, reason=reason)
    # Listed meanwhile by somebody else, who does not speak for the person's other numbers.
    mine = (_listed.number_hash == number_hash, _listed.added_by != _PERSON)
    tx.execute(sa.update(schema.do_not_call).where(*mine).values(added_by=_PERSON, reason=reason))


def _add(tx: sa.Connection, numbers: Mapping[str, str | None], *, actor: str, reason: str) -> int:
    """Add numbers, by their hashes; None where only the hash is kept."""
    lock(tx, "do_not_call")
    rows = [
        {"number_hash": each, "number": number, "added_at": time_of(tx), "added_by": actor, "reason": reason}
        for each, number in numbers.items()
    ]
    insert = schema.insert(tx, schema.do_not_call).values(rows).on_conflict_do_nothing()
    new = tx.scalars(insert.returning(_listed.number_hash)).all()
    _record(tx, new, "added", actor, reason)
    return len(new)


def hash_number(tx: sa.Connection, number: str) -> str:
    """Stand in for a number: without the store, nobody can try all numbers."""
    store_id = tx.info.get(_STORE_ID)
    if store_id is None:
        store_id = tx.info[_STORE_ID] = tx.execute(sa.select(schema.store.c.id)).scalar_one()
    return hmac.new(store_id.encode(), number.encode(), hashlib.sha256).hexdigest()


def _record(tx: sa.Connection, hashes: Iterable[str], action: str, actor: str, reason: str) -> None:
    now = time_of(tx)
    rows = [{"number_hash": each, "at": now, "action": action, "actor": actor, "reason": reason} for each in hashes]
    if rows:
        tx.execute(schema.do_not_call_event.insert(), rows)
