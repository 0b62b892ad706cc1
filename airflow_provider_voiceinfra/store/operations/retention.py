"""Removes the content and numbers of calls. The data that prevents a second call is kept forever.

A purged call keeps its key, state, ``call_id``, outcome, times and duration, and a hash of its number that cannot be
reversed without the store. Its numbers, request, metadata and completion's body are removed, and its body is not stored
again. A webhook in quarantine keeps its digest, so that it is not stored again either. Rows of call lists are deleted,
unless they are still to be called or their call is in progress.

An environment removes the data of its own calls and lists. Data that belongs to no call, such as completions of calls
placed elsewhere and webhooks in quarantine, belongs to no environment: it is removed only for all environments.

Open calls are not changed. A call whose completion has not arrived in a day is not open any more, so that its callee's
data can be erased.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.call_metadata import remove_metadata
from airflow_provider_voiceinfra.store.claims.settling import NOTHING_SAID
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.guard.do_not_call import hash_number
from airflow_provider_voiceinfra.store.lists.row_values import RowState
from airflow_provider_voiceinfra.store.models import CallState
from airflow_provider_voiceinfra.store.reads.call_reader import LOST

_BATCH_SIZE = 200
_call, _completion, _row = schema.call.c, schema.completion.c, schema.call_list_row.c


@dataclass(frozen=True, slots=True)
class Purged:
    """How much was removed, and how many calls were not, because they are open."""

    calls: int
    completions: int
    quarantined: int
    open_calls: int


@dataclass(frozen=True, slots=True)
class _Selection:
    """The rows to remove.

    :param webhooks: rows that belong to no call, by table.
    """

    calls: sa.ColumnElement[bool]
    completions: sa.ColumnElement[bool]
    rows: sa.ColumnElement[bool]
    webhooks: Mapping[sa.Table, sa.ColumnElement[bool]]

    def of(self, environment: str) -> _Selection:
        """Restrict them to the calls and lists of an environment."""
        # A completion that arrived by another webhook than its call's may contain the call's content, so it counts.
        same, its = _call.call_id == _completion.call_id, _call.webhook_conn_id == _completion.webhook_conn_id
        # Prevents the use of an index by environment, which would require sorting in each step.
        mine = _call.environment.concat("") == environment
        of_calls = sa.and_(
            sa.exists().where(same, mine),
            sa.or_(sa.exists().where(same, mine, its), ~sa.exists().where(same, ~mine)),
        )
        lists = sa.select(schema.call_list.c.id).where(schema.call_list.c.environment == environment)
        return _Selection(
            sa.and_(self.calls, mine),
            sa.and_(self.completions, of_calls),
            sa.and_(self.rows, _row.list_id.in_(lists)),
            {},
        )


class Retention:
    """Removes the content and numbers of calls.

    :param environment: calls and lists of other environments are not changed, unless requested.
    """

    def __init__(self, database: Database, environment: str) -> None:
        self._database = database
        self._environment = environment

    def purge(self, before: datetime, *, all_environments: bool = False) -> Purged:
        """Remove the content and numbers of calls that were claimed, and of webhooks that arrived, before a time.

        Rows of lists that are still to be called are kept, however long they wait.
        """
        which = _Selection(
            _call.claimed_at < before,
            _completion.received_at < before,
            sa.and_(_row.due_at < before, _row.state != RowState.PENDING),
            {schema.quarantine: schema.quarantine.c.received_at < before},
        )
        return self._purge(which if all_environments else which.of(self._environment))

    def erase(self, number: str, *, all_environments: bool = False) -> Purged:
        """Remove the content of all calls with a person, however recent, including inbound ones.

        :param number: the person's number, in E.164.
        """
        digits = number.lstrip("+").encode()
        # Excludes the account's own numbers, which are in the completions of all their calls.
        is_own = sa.exists().where(schema.call.c.from_number == number)
        which = _Selection(
            _call.to_number == number,
            sa.or_(
                _completion.to_number == number,
                _completion.id.in_(sa.select(_call.completion_id).where(_call.to_number == number)),
                sa.and_(self._contains(_completion.body, digits), ~is_own),
            ),
            sa.or_(_row.to_number == number, sa.cast(_row.numbers, sa.Text).contains(f'"{number}"', autoescape=True)),
            {
                schema.quarantine: self._contains(schema.quarantine.c.body, digits),
                schema.forward: self._contains(schema.forward.c.body, digits),
            },
        )
        return self._purge(which if all_environments else which.of(self._environment))

    def _purge(self, which: _Selection) -> Purged:
        is_open = _is_open(self._database.clock.now())
        ended = ~is_open
        # A completion may be needed to complete a call that is still open.
        of_open = sa.exists().where(_call.call_id == _completion.call_id, is_open)
        bodies = self._in_steps(
            schema.completion,
            sa.and_(which.completions, sa.func.length(_completion.body) > 0, ~of_open),
            lambda tx, ids: _empty_bodies(tx, schema.completion, ids),
        )
        calls = self._in_steps(schema.call, sa.and_(which.calls, ended, _call.purged_at.is_(None)), _purge_calls)
        # Also if the list itself has not been updated since: its task may have failed, and a person resolved the call.
        in_progress = sa.exists().where(_call.ref == _row.call_ref, is_open)
        ended_row = sa.or_(_row.state != RowState.OPEN, sa.and_(_row.call_ref.is_not(None), ~in_progress))
        self._delete(schema.call_list_row, sa.and_(which.rows, ended_row))
        deleted = {table.name: self._delete(table, condition) for table, condition in which.webhooks.items()}
        left = self._database.scalar(sa.select(sa.func.count()).select_from(schema.call).where(which.calls, ~ended))
        return Purged(calls, bodies, deleted.get(schema.quarantine.name, 0), left or 0)

    def _delete(self, table: sa.Table, which: sa.ColumnElement[bool]) -> int:
        if table is schema.quarantine:
            # The digest stays, so that a replay is not stored.
            filled = sa.and_(which, sa.func.length(table.c.body) > 0)
            empty = sa.update(table).values(body=b"")
            return self._in_steps(table, filled, lambda tx, ids: tx.execute(empty.where(table.c.id.in_(ids))))
        return self._in_steps(table, which, lambda tx, ids: tx.execute(sa.delete(table).where(table.c.id.in_(ids))))

    def _in_steps(
        self, table: sa.Table, which: sa.ColumnElement[bool], change: Callable[[sa.Connection, Sequence[int]], object]
    ) -> int:
        """Change rows a few at a time, so that a claim does not wait for all of them.

        In the order of ids, so that rows purged long ago are skipped once, not once per step.
        """
        query = sa.select(table.c.id).where(which).order_by(table.c.id).limit(_BATCH_SIZE)
        query = query.with_for_update(skip_locked=True)
        changed = last = 0
        while True:
            with self._database.write() as tx:
                ids = tx.scalars(query.where(table.c.id > last)).all()
                if not ids:
                    return changed
                change(tx, ids)
                changed, last = changed + len(ids), ids[-1]

    def _contains(self, column: sa.Column[bytes], part: bytes) -> sa.ColumnElement[bool]:
        if self._database.is_sqlite:
            return sa.func.instr(column, part) > 0
        return sa.func.position(sa.literal(part).op("IN")(column)) > 0


def _is_open(now: datetime) -> sa.ColumnElement[bool]:
    placed = _call.state.in_([CallState.QUEUED, CallState.OVERDUE])
    return sa.or_(
        _call.state.in_([CallState.CLAIMED, CallState.UNKNOWN]),
        sa.and_(placed, _call.claimed_at > now - LOST),
    )


def _purge_calls(tx: sa.Connection, ids: Sequence[int]) -> None:
    rows = tx.execute(sa.select(_call.id, _call.to_number).where(_call.id.in_(ids))).all()
    removed: dict[str, Any] = {"to_number": "", "request": {}, "fingerprint": {}, "metadata": {}, "error_message": None}
    update = sa.update(schema.call).where(_call.id == sa.bindparam("row_id"))
    tx.execute(
        update.values(**removed, purged_at=time_of(tx), number_hash=sa.bindparam("hash")),
        [{"row_id": row.id, "hash": hash_number(tx, row.to_number)} for row in rows],
    )
    remove_metadata(tx, ids)
    _empty_bodies(tx, schema.call, ids)


def _empty_bodies(tx: sa.Connection, table: sa.Table, ids: Sequence[int]) -> None:
    """Remove the bodies of all completions of some calls, including later ones and ones with another number.

    :param table: calls or completions.
    """
    named = table.alias().c
    same = (named.call_id == _completion.call_id, named.webhook_conn_id == _completion.webhook_conn_id)
    tx.execute(
        sa.update(schema.completion)
        # For the index by call_id.
        .where(_completion.call_id.in_(sa.select(table.c.call_id).where(table.c.id.in_(ids))))
        .where(sa.exists().where(*same, named.id.in_(ids)), sa.func.length(_completion.body) > 0)
        .values(NOTHING_SAID)
    )
