"""Earlier calls, as far as a new claim depends on them."""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.models import CallState, Source

_call = schema.call.c
_COLUMNS = (
    *(_call.id, _call.ref, _call.state, _call.host, _call.attempt, _call.rule, _call.to_number, _call.number_hash),
    *(_call.outcome, _call.redial_asked_by),
    *(_call.dag_id, _call.run_id, _call.logical_run, _call.task_id, _call.map_index, _call.generation),
)


@dataclass(frozen=True, slots=True)
class PriorCall:
    """An earlier call of the same key or the same task.

    :param rule: of the guard, that denied it last.
    :param number_hash: of a call that was purged.
    :param redial_asked_by: the person who asked for a redial after it, if any.
    """

    id: int
    ref: str
    state: CallState
    host: str
    attempt: int
    rule: str | None
    to_number: str = field(repr=False)
    number_hash: str | None = field(repr=False)
    outcome: str | None
    redial_asked_by: str | None
    source: Source

    def is_to(self, number: str, number_hash: str) -> bool:
        """Return whether it calls a number, or did before it was purged."""
        return self.to_number == number or self.number_hash == number_hash


def latest_call(tx: sa.Connection, *where: sa.ColumnElement[bool]) -> PriorCall | None:
    """Find the latest of some calls."""
    row = tx.execute(sa.select(*_COLUMNS).where(*where).order_by(_call.id.desc()).limit(1)).first()
    if row is None:
        return None
    row_id, ref, state, host, attempt, rule, to_number, number_hash, outcome, asked_by, *task = row
    which = (row_id, ref, CallState(state), host, attempt, rule)
    return PriorCall(*which, to_number, number_hash, outcome, asked_by, Source(*task))
