"""At which of its numbers a row is called."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.guard.do_not_call import DoNotCall
from airflow_provider_voiceinfra.store.lists.list_rows import PLACE_IF_CALLED, select_rows
from airflow_provider_voiceinfra.store.lists.row_values import DueRow, RowState
from airflow_provider_voiceinfra.store.models import CallState
from airflow_provider_voiceinfra.store.row_endings import end_uncalled

# VoiceInfra's code.
_INVALID_NUMBER = "invalid_phone"

_row, _call, _last = schema.call_list_row.c, schema.call.c, schema.call.alias().c
# The numbers that were rejected in the attempt of a call whose number was invalid: all its calls have one key.
_REJECTED = sa.select(_call.to_number).where(
    schema.same_intent(_call, _last),
    _call.key_hash == _last.key_hash,
    _last.ref == sa.bindparam("ref"),
    _last.state == CallState.REJECTED,
    _last.error_code == _INVALID_NUMBER,
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
        chosen: dict[int, DueRow | None] = {}
        with self._database.write() as tx:
            rules = self._rules(tx, list_id, several)
            for row in several:
                number = rules.first(row)
                rules.take(row, number)
                chosen[row.id] = None if number is None else replace(row, to_number=number)
                _write(tx, row, number)
        found = [chosen.get(row.id, row) for row in rows]
        return [row for row in found if row is not None]

    def pass_over(self, row_id: int, ref: str) -> bool:
        """Let a row be due again at another number, if VoiceInfra has rejected its call as one to an invalid number.

        :param ref: of the rejected call.
        :return: False if the row ends: the rejection had another reason, or it may be called at no other number.
        """
        open_row = (_row.id == row_id, _row.call_ref == ref, _row.state == RowState.OPEN)
        with self._database.write() as tx:
            found = tx.execute(select_rows().add_columns(_row.list_id).where(*open_row)).one_or_none()
            if found is None:
                # It was passed over before, or was read again.
                return True
            *values, list_id = found
            row, rejected = DueRow(*values), set(tx.scalars(_REJECTED, {"ref": ref}))
            number = self._rules(tx, list_id, [row]).first(row, rejected) if rejected and row.numbers else None
            if number is None:
                return False
            due = {"state": RowState.PENDING, "due_at": time_of(tx), "due_priority": None}
            due |= {"next_number": row.numbers.index(number)}
            tx.execute(sa.update(schema.call_list_row).where(*open_row).values(due))
        return True

    def _rules(self, tx: sa.Connection, list_id: str, rows: Sequence[DueRow]) -> _NumberRules:
        numbers = {number for row in rows for number in row.numbers}
        listed, opted_out = self._do_not_call.among(tx, numbers), self._do_not_call.opted_out(tx, numbers)
        return _NumberRules(listed, opted_out, _owners(tx, list_id, numbers))


@dataclass(frozen=True, slots=True)
class _NumberRules:
    """Which numbers of some rows may be called.

    :param owners: the rows that have a number now.
    """

    listed: Collection[str] = field(repr=False)
    opted_out: Collection[str] = field(repr=False)
    owners: dict[str, int] = field(repr=False)

    def first(self, row: DueRow, rejected: Collection[str] = ()) -> str | None:
        """Return the first number from the next one on, in turn, at which a row may be called.

        Once the callee has answered, that is only the last one.
        """
        if not set(row.numbers).isdisjoint(self.opted_out):
            return None
        start = row.next_number
        candidates = [row.to_number] if start is None else [*row.numbers[start:], *row.numbers[:start]]
        ours = [number for number in candidates if self.owners.get(number, row.id) == row.id]
        return next((number for number in ours if number not in self.listed and number not in rejected), None)

    def take(self, row: DueRow, number: str | None) -> None:
        """Note the number that a row gets; its last one is free then."""
        if number is not None:
            if self.owners.get(row.to_number) == row.id:
                del self.owners[row.to_number]
            self.owners[number] = row.id


def _owners(tx: sa.Connection, list_id: str, numbers: Collection[str]) -> dict[str, int]:
    """Return the rows of a list that have some numbers now, by number."""
    theirs = (_row.list_id == list_id, _row.to_number.in_(numbers), sa.text(schema.HAS_NUMBER))
    return {row.to_number: row.id for row in tx.execute(sa.select(_row.to_number, _row.id).where(*theirs))}


def _write(tx: sa.Connection, row: DueRow, number: str | None) -> None:
    """Write a row's number, unless the list was imported again; without one, the row ends."""
    if number == row.to_number:
        return
    ours = (_row.id == row.id, _row.import_version == row.import_version, _row.state == RowState.PENDING)
    ended: dict[str, Any] = {"state": RowState.DONE, "ended_at": time_of(tx), "in_pilot": PLACE_IF_CALLED}
    ended |= end_uncalled(CallState.DO_NOT_CALL)
    values = ended if number is None else {"to_number": number}
    tx.execute(sa.update(schema.call_list_row).where(*ours).values(values))
