"""Reads every attempt of calls, of a list or since a time, for export."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.models import Call
from airflow_provider_voiceinfra.store.reads.call_reader import Calls

MARGIN = timedelta(minutes=10)
"""How far before a time changes are read, because an earlier change may be committed later, and clocks differ."""

_PAGE = 500
_call, _event, _row = schema.call.c, schema.call_event.c, schema.call_list_row.c


@dataclass(frozen=True, slots=True)
class Attempt:
    """A call, as an attempt of an intent.

    :param intent: the ref of the first call under its key, the same for its redials; it contains no number.
    """

    call: Call
    intent: str


class Attempts:
    """Reads calls in pages, each once.

    :param environment: calls of other environments are not visible.
    :param calls: reads the calls themselves.
    """

    def __init__(self, database: Database, environment: str, calls: Calls) -> None:
        self._database = database
        self._environment = environment
        self._calls = calls

    def of_list(self, list_id: str) -> Iterator[list[Attempt]]:
        """Yield the calls of a list, and those that its rows found already placed by another list or task.

        :raises StoreError: if there is no such list.
        """
        known = sa.select(schema.call_list.c.id).where(
            schema.call_list.c.id == list_id, schema.call_list.c.environment == self._environment
        )
        if not self._database.rows(known):
            raise StoreError(f"There is no call list {list_id} in this call store.")
        return map(self._read, chain(self._placed(list_id), self._found(list_id)))

    def changed_since(self, since: datetime) -> Iterator[list[Attempt]]:
        """Yield the calls that have changed since a time, and some that changed shortly before."""
        return map(self._read, self._changed(since - MARGIN, self._database.clock.now()))

    def _placed(self, list_id: str) -> Iterator[list[int]]:
        query = sa.select(_call.id).where(_call.list_id == list_id).order_by(_call.id).limit(_PAGE)
        after = 0
        while found := self._database.rows(query.where(_call.id > after)):
            yield [row.id for row in found]
            after = found[-1].id

    def _found(self, list_id: str) -> Iterator[list[int]]:
        # Uses the index that makes keys unique.
        query = (
            sa.select(_row.key_hash, _call.id)
            .join_from(schema.call_list_row, schema.call, _call.ref == _row.call_ref)
            .where(_row.list_id == list_id, _call.list_id.is_distinct_from(list_id))
            .order_by(_row.key_hash)
            .limit(_PAGE)
        )
        after = ""
        while found := self._database.rows(query.where(_row.key_hash > after)):
            yield [row.id for row in found]
            after = found[-1].key_hash

    def _changed(self, since: datetime, until: datetime) -> Iterator[list[int]]:
        """Find calls by the last event of their history, so that each is found once.

        :param until: later changes are ignored, because in a busy store the iteration would never end.
        """
        later = schema.call_event.alias().c
        last = sa.select(sa.func.max(later.id)).where(later.call == _event.call, later.at <= until).scalar_subquery()
        query = (
            sa.select(_event.at, _event.id, _event.call)
            .where(_event.id == last)
            .order_by(_event.at, _event.id)
            .limit(_PAGE)
        )
        at, row_id = since, 0
        while steps := self._database.rows(query.where(_event.at >= at, sa.or_(_event.at > at, _event.id > row_id))):
            yield [step.call for step in steps]
            at, row_id = steps[-1].at, steps[-1].id

    def _read(self, ids: list[int]) -> list[Attempt]:
        first = schema.call.alias().c
        same = (
            first.environment == _call.environment,
            first.realm == _call.realm,
            first.base_key_hash == _call.base_key_hash,
        )
        intent = sa.select(first.ref).where(*same).order_by(first.id).limit(1).scalar_subquery()
        found = self._database.rows(sa.select(_call.id, intent.label("ref")).where(_call.id.in_(ids)))
        intents = {row.id: row.ref for row in found}
        return [Attempt(call, intents[call.id]) for call in self._calls.read(ids)]
