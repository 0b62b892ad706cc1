"""Finding out what became of a call whose answer nobody received: by its own completion, or not at all.

Nothing is guessed. A completion with a ``call_id`` that nobody knows settles an unknown call only where each fits
the other and nothing else: the same agent and numbers, a start between the claim and its deadline, one such call
(claims still in flight counted), one such completion.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import tables
from airflow_provider_voiceinfra.store.events import record_event
from airflow_provider_voiceinfra.store.locks import lock
from airflow_provider_voiceinfra.store.records import CallState

TOLERANCE = timedelta(seconds=60)
"""By how much VoiceInfra's clock may be behind ours."""

_OPEN = (CallState.CLAIMED, CallState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Party:
    """Who calls whom, by which account."""

    webhook_conn_id: str
    agent_id: str
    from_number: str
    to_number: str

    @classmethod
    def of(cls, row: Any) -> Party:
        """Read it from a row of calls or of completions."""
        return cls(row.webhook_conn_id, row.agent_id, row.from_number, row.to_number)


def lock_party(tx: sa.Connection, party: Party) -> None:
    """Let nobody else recover calls of this party until the transaction ends."""
    lock(tx, "party", *astuple(party))


def party_of_call(tx: sa.Connection, row_id: int) -> Party:
    """Read who calls whom; it never changes."""
    columns = tables.call.c
    query = sa.select(columns.webhook_conn_id, columns.agent_id, columns.from_number, columns.to_number)
    return Party.of(tx.execute(query.where(columns.id == row_id)).one())


def recover(tx: sa.Connection, party: Party) -> None:
    """Settle the unknown calls of a party by their completions, where nothing is left to guess.

    To be called whenever a call or a completion comes or goes; the lock must be held.
    """
    _expire(tx, party)
    calls = tx.execute(_of(party, tables.call).where(tables.call.c.state.in_(_OPEN))).all()
    if not any(call.state == CallState.UNKNOWN for call in calls):
        return
    completions = _unmatched(tx, party)
    for completion in completions:
        fitting = [call for call in calls if fits(call, completion)]
        if len(fitting) != 1 or fitting[0].state != CallState.UNKNOWN:
            continue
        if sum(fits(fitting[0], other) for other in completions) == 1:
            complete(tx, fitting[0].id, completion, "recovered", call_id=completion.call_id)


def fits(call: Any, completion: Any) -> bool:
    """Tell whether a completion may be this call's, by its time."""
    start: datetime = completion.start_time or completion.received_at
    claimed_at: datetime = call.claimed_at
    return bool(claimed_at - TOLERANCE <= start <= call.deadline)


def _expire(tx: sa.Connection, party: Party) -> None:
    """Judge the party's claims that are older than a POST may take: their owner is gone.

    One that never passed the fence has sent nothing, and will not: its key is free. Any other one is unknown.
    """
    columns = tables.call.c
    old = (columns.state == CallState.CLAIMED, columns.claim_expires_at < datetime.now(UTC), *_is(party, tables.call))
    judgements: tuple[tuple[sa.ColumnElement[bool], dict[str, Any]], ...] = (
        (columns.fences == 0, {"state": CallState.RELEASED, "holds_key": False}),
        (columns.fences > 0, {"state": CallState.UNKNOWN}),
    )
    for condition, values in judgements:
        update = sa.update(tables.call).where(*old, condition).values(**values).returning(columns.id)
        for row_id in tx.scalars(update).all():
            record_event(tx, row_id, str(values["state"]), why="its owner is gone")


def candidates(tx: sa.Connection, ref: str) -> tuple[list[str], list[str]]:
    """List what keeps an unknown call from being settled.

    :return: the refs of other calls and the ``call_id`` of completions that may be meant.
    """
    call = tx.execute(sa.select(tables.call).where(tables.call.c.ref == ref)).one()
    party = Party.of(call)
    completions = [each for each in _unmatched(tx, party) if fits(call, each)]
    others = tx.execute(
        _of(party, tables.call).where(tables.call.c.state.in_(_OPEN), tables.call.c.id != call.id)
    ).all()
    rivals = [other.ref for other in others if any(fits(other, each) for each in completions)]
    return rivals, [each.call_id for each in completions]


def _of(party: Party, table: sa.Table) -> sa.Select[Any]:
    return sa.select(table).where(*_is(party, table))


def _is(party: Party, table: sa.Table) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        table.c.to_number == party.to_number,
        table.c.from_number == party.from_number,
        table.c.agent_id == party.agent_id,
        table.c.webhook_conn_id == party.webhook_conn_id,
    )


def _unmatched(tx: sa.Connection, party: Party) -> list[Any]:
    known = sa.exists().where(
        tables.call.c.call_id == tables.completion.c.call_id,
        tables.call.c.webhook_conn_id == tables.completion.c.webhook_conn_id,
    )
    return list(tx.execute(_of(party, tables.completion).where(tables.completion.c.first, ~known)).all())


def complete(tx: sa.Connection, row_id: int, completion: Any, kind: str, **detail: str) -> None:
    """Complete a call.

    :param completion: the row of its completion.
    :param kind: of the event: by its ``call_id``, or recovered.
    """
    values = {
        "state": CallState.COMPLETED,
        "call_id": completion.call_id,
        "completion_id": completion.id,
        "outcome": completion.outcome,
        "completed_at": completion.received_at,
    }
    tx.execute(sa.update(tables.call).where(tables.call.c.id == row_id).values(**values))
    record_event(tx, row_id, kind, outcome=completion.outcome, **detail)
