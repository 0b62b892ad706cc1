"""At which of its numbers a row is called."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.guard.do_not_call import DoNotCall
from airflow_provider_voiceinfra.store.lists.list_rows import DueRow, RowState
from airflow_provider_voiceinfra.store.models import CallState

_row, _call, _last = schema.call_list_row.c, schema.call.c, schema.call.alias().c
# The numbers that were rejected in the attempt of a call: all calls of an attempt have one key.
_REJECTED = sa.select(_call.to_number).where(
    *(_call[name] == _last[name] for name in ("environment", "realm", "base_key_hash", "key_hash")),
    _last.ref == sa.bindparam("ref"),
    _call.state == CallState.REJECTED,
)


class RowNumbers:
    """Chooses the numbers at which rows with several are called.

    :param database: the store's database.
    """

    def __init__(self, database: Database, do_not_call: DoNotCall) -> None:
        self._database = database
        self._do_not_call = do_not_call

    def choose(self, list_id: str, rows: Sequence[DueRow]) -> list[DueRow]:
        """Choose the number at which each row is called next.

        Numbers on the do-not-call list, and those that another row is called at, are passed over. If the callee has
        opted out at any of the row's numbers, or none is left, the row ends.

        :return: the rows that are still to be called.
        """
        several = [row for row in rows if row.numbers]
        if not several:
            return list(rows)
        numbers = {number for row in several for number in row.numbers}
        with self._database.write() as tx:
            listed, opted_out = self._do_not_call.among(tx, numbers), self._do_not_call.opted_out(tx, numbers)
            owners = _owners(tx, list_id, numbers)
            chosen: dict[int, DueRow | None] = {}
            for row in several:
                taken = {number for number, owner in owners.items() if owner != row.id}
                number = None if opted_out.intersection(row.numbers) else _first(row, listed | taken)
                if number is not None:
                    owners = {**{its: owner for its, owner in owners.items() if owner != row.id}, number: row.id}
                chosen[row.id] = None if number is None else replace(row, to_number=number)
                _write(tx, row, number)
        found = [chosen.get(row.id, row) for row in rows]
        return [row for row in found if row is not None]

    def pass_over(self, row: DueRow, ref: str) -> bool:
        """Let a row be due again at its next number, because its last one was rejected.

        :param ref: of the rejected call.
        :return: False if the row has no number that was not rejected in this attempt.
        """
        if not row.numbers or row.next_number is None:
            return False
        with self._database.write() as tx:
            rejected = set(tx.scalars(_REJECTED, {"ref": ref}))
            here = row.numbers.index(row.to_number)
            in_turn = [(here + step) % len(row.numbers) for step in range(1, len(row.numbers))]
            number = next((index for index in in_turn if row.numbers[index] not in rejected), None)
            if number is None:
                return False
            ours = (_row.id == row.id, _row.import_version == row.import_version)
            due = {"state": RowState.PENDING, "due_at": time_of(tx), "due_priority": None, "next_number": number}
            tx.execute(sa.update(schema.call_list_row).where(*ours).values(due))
        return True


def _owners(tx: sa.Connection, list_id: str, numbers: Collection[str]) -> dict[str, int]:
    """Return the rows of a list that have some numbers now, by number."""
    theirs = (_row.list_id == list_id, _row.to_number.in_(numbers), sa.text(schema.HAS_NUMBER))
    return {row.to_number: row.id for row in tx.execute(sa.select(_row.to_number, _row.id).where(*theirs))}


def _first(row: DueRow, besides: Collection[str]) -> str | None:
    """Return the first number from the next one on, in turn; only the last one once the callee has answered there."""
    start = row.next_number
    candidates = [row.to_number] if start is None else [*row.numbers[start:], *row.numbers[:start]]
    return next((number for number in candidates if number not in besides), None)


def _write(tx: sa.Connection, row: DueRow, number: str | None) -> None:
    """Write a row's number, unless the list was imported again; without one, the row ends."""
    if number == row.to_number:
        return
    ours = (_row.id == row.id, _row.import_version == row.import_version, _row.state == RowState.PENDING)
    # Another row may take its place in the pilot.
    ended = {"state": RowState.DONE, "result": CallState.DO_NOT_CALL, "ended_at": time_of(tx), "in_pilot": None}
    values = ended if number is None else {"to_number": number}
    tx.execute(sa.update(schema.call_list_row).where(*ours).values(values))
