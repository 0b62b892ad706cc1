"""The rows of calls that are claimed or refused together, in one transaction."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.claims.conflicts import asked_before, asker
from airflow_provider_voiceinfra.store.claims.requesters import record_requester
from airflow_provider_voiceinfra.store.guard.rules import Refusal, Refused
from airflow_provider_voiceinfra.store.history import record_event, record_events
from airflow_provider_voiceinfra.store.lists.list_rows import open_rows, refuse_row
from airflow_provider_voiceinfra.store.models import CallState, Claim, Conflict, NewCall, Party

_BY_REF = sa.select(schema.call.c.ref, schema.call.c.id).where(
    schema.call.c.ref.in_(sa.bindparam("refs", expanding=True))
)


class Claiming:
    """Writes calls that are claimed or refused, and gives what became of each.

    :param owner: proves that the claims are ours.
    """

    def __init__(self, tx: sa.Connection, owner: str) -> None:
        self._tx = tx
        self._owner = owner
        self._taken: list[Claim | Conflict | Refused | tuple[str, Party]] = []
        # By ref: what is claimed anew is written together.
        self._new: dict[str, dict[str, Any]] = {}
        self._of_lists: dict[int, str] = {}
        self._claimed: dict[str, int] = {}

    def leave(self, new: NewCall, met: Conflict | Refused) -> None:
        """Claim nothing: something stands in the way."""
        if isinstance(met, Refused):
            refuse_row(self._tx, new, met)
        self._taken.append(met)

    def refuse(self, new: NewCall, earlier: Any, row: dict[str, Any], refusal: Refusal) -> None:
        """Write that the guard refuses a call."""
        ref, row = self._ref(earlier), row | refused_by(refusal)
        row_id = self._go_on(earlier, row) if earlier is not None else self._insert([{"ref": ref, **row}])[ref]
        if not asked_before(earlier, new, refusal.rule):
            record_event(self._tx, row_id, refusal.rule.state, rule=refusal.rule, asked_by=asker(new))
        record_requester(self._tx, row_id, new.source)
        self.leave(new, Refused(ref, refusal.rule.state, refusal))

    def claim(self, new: NewCall, earlier: Any, row: dict[str, Any]) -> None:
        """Claim a call; one that waited goes on under its ref."""
        ref = self._ref(earlier)
        if earlier is not None:
            self._claimed[ref] = self._go_on(earlier, row)
        else:
            self._new[ref] = {"ref": ref, **row}
        if new.list_row is not None:
            self._of_lists[new.list_row] = ref
        self._taken.append((ref, Party.of(new)))

    def write(self) -> None:
        """Write what is claimed."""
        self._claimed |= self._insert(list(self._new.values()))
        record_events(self._tx, "claimed", {row_id: {} for row_id in self._claimed.values()})
        open_rows(self._tx, self._of_lists)

    def taken(self) -> list[Claim | Conflict | Refused]:
        """Give what became of each, in the order in which they were asked for."""
        return [
            Claim(self._claimed[each[0]], each[0], self._owner, each[1]) if isinstance(each, tuple) else each
            for each in self._taken
        ]

    @staticmethod
    def _ref(earlier: Any) -> str:
        return f"vc_{secrets.token_hex(6)}" if earlier is None else str(earlier.ref)

    def _go_on(self, earlier: Any, row: dict[str, Any]) -> int:
        self._tx.execute(sa.update(schema.call).where(schema.call.c.id == earlier.id).values(row))
        return int(earlier.id)

    def _insert(self, rows: Sequence[dict[str, Any]]) -> dict[str, int]:
        """Insert rows of calls; gives the number of each, by ref."""
        if not rows:
            return {}
        self._tx.execute(schema.call.insert(), rows)
        refs = [row["ref"] for row in rows]
        found = self._tx.execute(_BY_REF, {"refs": refs})
        return {row.ref: row.id for row in found}


def refused_by(refusal: Refusal) -> dict[str, Any]:
    """Say what a call that the guard refuses is."""
    state = refusal.rule.state
    return {
        "state": state,
        "key_active": state == CallState.WAITING,
        "rule": refusal.rule,
        "wait_until": refusal.until,
        "pause_id": refusal.pause_id,
    }
