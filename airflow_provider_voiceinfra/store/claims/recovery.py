"""Settles calls whose answer was lost: by their own completion, or not at all.

Nothing is guessed. A completion with a ``call_id`` that nobody knows settles an unknown call only where each fits
the other and nothing else: the same agent and numbers, a start between the claim and its deadline, one such call
(claims still in flight counted), one such completion.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.completion_body import stored_completion
from airflow_provider_voiceinfra.store.feed.completed_calls import add_completed
from airflow_provider_voiceinfra.store.guard.do_not_call import add_person, add_person_by_hash
from airflow_provider_voiceinfra.store.guard.refunds import refund
from airflow_provider_voiceinfra.store.guard.talk_time import count_talked
from airflow_provider_voiceinfra.store.history import record_event, record_events
from airflow_provider_voiceinfra.store.locks import lock_all
from airflow_provider_voiceinfra.store.many_rows import update_rows
from airflow_provider_voiceinfra.store.models import CallParties, CallState
from airflow_provider_voiceinfra.store.reads.disputes import is_disputed
from airflow_provider_voiceinfra.store.reads.matching import IS_OPEN, PARTY, TOLERANCE, Unmatched, fits

_LATE = timedelta(days=2)
"""By how much a webhook's arrival and the start that it names may differ, for the start to be believed."""
_OPEN = (CallState.CLAIMED, CallState.UNKNOWN)
_OPEN_PARTIES = (
    sa.select(*PARTY).distinct().where(IS_OPEN, schema.call.c.to_number.in_(sa.bindparam("numbers", expanding=True)))
)

_CALLEE = sa.select(schema.call.c.to_number, schema.call.c.number_hash).where(schema.call.c.id == sa.bindparam("row"))


class Candidates(NamedTuple):
    """Why an unknown call is not settled.

    :param rivals: the refs of other calls that the completions fit as well.
    :param completions: the ``call_id`` of completions that fit it.
    :param elsewhere: how many calls of other environments they fit as well.
    """

    rivals: tuple[str, ...] = ()
    completions: tuple[str, ...] = ()
    elsewhere: int = 0


def lock_party(tx: sa.Connection, *parties: CallParties) -> None:
    """Let nobody else recover calls of these parties until the transaction ends."""
    lock_all(tx, (("party", *party) for party in parties))


def party_of_call(tx: sa.Connection, row_id: int) -> CallParties:
    """Read who calls whom; it never changes."""
    return CallParties.of(tx.execute(sa.select(*PARTY).where(schema.call.c.id == row_id)).one())


def recover(tx: sa.Connection, party: CallParties) -> None:
    """Settle the unknown calls of a party by their completions, where nothing has to be guessed.

    Call it whenever a call or a completion is added or settled; the lock must be held.
    """
    _expire(tx, party)
    calls = tx.execute(_open_calls(party)).all()
    if not any(call.state == CallState.UNKNOWN for call in calls):
        return
    completions = _unmatched(tx, party, calls)
    for completion in completions:
        fitting = [call for call in calls if fits(call, completion)]
        if len(fitting) != 1 or fitting[0].state != CallState.UNKNOWN:
            continue
        if sum(fits(fitting[0], other) for other in completions) == 1:
            complete(tx, fitting[0].id, completion.row, "recovered", call_id=completion.row.call_id)


def recover_all(tx: sa.Connection, parties: Collection[CallParties]) -> None:
    """Settle the unknown calls of several parties; their locks must be held."""
    rows = tx.execute(_OPEN_PARTIES, {"numbers": [party.to_number for party in parties]})
    for party in sorted({CallParties.of(row) for row in rows}.intersection(parties)):
        recover(tx, party)


def _expire(tx: sa.Connection, party: CallParties) -> None:
    """Expire the party's claims that are older than a POST may take: their owner is gone.

    A claim that never had a send permit has sent nothing, and will not: its key is free. Any other is unknown.
    """
    columns = schema.call.c
    old = (columns.state == CallState.CLAIMED, columns.claim_expires_at < time_of(tx), *_is(party))
    judgements: tuple[tuple[sa.ColumnElement[bool], dict[str, Any]], ...] = (
        (columns.permits == 0, {"state": CallState.RELEASED, "key_active": False}),
        (columns.permits > 0, {"state": CallState.UNKNOWN}),
    )
    for condition, values in judgements:
        update = sa.update(schema.call).where(*old, condition).values(**values)
        gone = tx.scalars(update.returning(columns.id)).all()
        for row_id in gone:
            record_event(tx, row_id, str(values["state"]), reason="its owner is gone")
        if gone and values["state"] == CallState.RELEASED:
            refund(tx, gone)


def candidates(tx: sa.Connection, ref: str, environment: str) -> Candidates:
    """Return why an unknown call is not settled.

    :param environment: the call's; calls of others are counted, not named.
    """
    is_it = (schema.call.c.ref == ref, schema.call.c.environment == environment)
    call = tx.execute(sa.select(schema.call).where(*is_it)).one()
    party = CallParties.of(call)
    completions = [each for each in _unmatched(tx, party, [call]) if fits(call, each)]
    others = tx.execute(_open_calls(party).where(schema.call.c.id != call.id)).all()
    rivals = [other for other in others if any(fits(other, each) for each in completions)]
    here = tuple(other.ref for other in rivals if other.environment == environment)
    return Candidates(here, tuple(each.row.call_id for each in completions), len(rivals) - len(here))


def _open_calls(party: CallParties) -> sa.Select[Any]:
    return sa.select(schema.call).where(*_is(party), schema.call.c.state.in_(_OPEN))


def _is(party: CallParties) -> tuple[sa.ColumnElement[bool], ...]:
    return tuple(schema.call.c[name] == value for name, value in party._asdict().items())


def _unmatched(tx: sa.Connection, party: CallParties, calls: Sequence[Any]) -> list[Unmatched]:
    """Find the completions of a party that no call has, among those that may be one of the calls'."""
    columns = schema.completion.c
    known = sa.exists().where(
        schema.call.c.call_id == columns.call_id, schema.call.c.webhook_conn_id == columns.webhook_conn_id
    )
    query = sa.select(schema.completion).where(
        # By our own clock: nothing arrives before its call was claimed.
        columns.received_at >= min(call.claimed_at for call in calls) - TOLERANCE,
        columns.to_number == party.to_number,
        columns.webhook_conn_id == party.webhook_conn_id,
        columns.first,
        ~known,
        ~is_disputed(),
    )
    found = [Unmatched(row, stored_completion(row.body, row.call_id, row.outcome)) for row in tx.execute(query)]
    return [each for each in found if each.party == party]


def complete(tx: sa.Connection, row_id: int, completion: Any, kind: str, **detail: str) -> None:
    """Complete a call; see :func:`complete_all`."""
    complete_all(tx, {row_id: completion}, kind, **detail)


def complete_all(tx: sa.Connection, completions: Mapping[int, Any], kind: str, **detail: str) -> None:
    """Complete calls.

    :param completions: the rows of their completions, by the call's row.
    :param kind: of the event: by its ``call_id``, or recovered.
    """
    if not completions:
        return
    completed = [_completed(row_id, each) for row_id, each in completions.items()]
    update_rows(tx, schema.call, completed, {"state": CallState.COMPLETED})
    count_talked(tx, completions)
    record_events(tx, kind, {row_id: {"outcome": each.outcome, **detail} for row_id, each in completions.items()})
    add_completed(tx, completions)
    for row_id, each in completions.items():
        if each.opt_out:
            _add_callee(tx, row_id, each)


def _add_callee(tx: sa.Connection, row_id: int, completion: Any) -> None:
    """Put the callee on the do-not-call list, whatever number the webhook names."""
    callee = tx.execute(_CALLEE, {"row": row_id}).one()
    if callee.to_number:
        add_person(tx, callee.to_number, completion.opt_out, completion.call_id)
    elif callee.number_hash:
        # The call was purged.
        add_person_by_hash(tx, callee.number_hash, completion.call_id)


def _completed(row_id: int, completion: Any) -> dict[str, Any]:
    return {
        "id": row_id,
        "call_id": completion.call_id,
        "completion_id": completion.id,
        "outcome": completion.outcome,
        "completed_at": completion.received_at,
        "start_hour": _start_hour(completion),
        "duration_seconds": completion.duration_seconds,
    }


def _start_hour(completion: Any) -> datetime:
    """Return the hour in which a conversation began; that of the webhook's arrival where its start is impossible."""
    arrived: datetime = completion.received_at
    start: datetime = completion.start_time or arrived
    plausible = arrived - _LATE < start < arrived + _LATE
    return (start if plausible else arrived).replace(minute=0, second=0, microsecond=0)
