"""Recording what VoiceInfra answered: each ``call_id`` belongs to one call, or its calls are unknown."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.claims.recovery import recover_all
from airflow_provider_voiceinfra.store.claims.results import Claim
from airflow_provider_voiceinfra.store.claims.settling import settle
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.guard.talk_time import count_talked
from airflow_provider_voiceinfra.store.history import record_events
from airflow_provider_voiceinfra.store.many_rows import update_rows
from airflow_provider_voiceinfra.store.models import CallState
from airflow_provider_voiceinfra.store.reads.disputes import add_dispute, known_disputes

log = logging.getLogger(__name__)

UNSETTLED: dict[str, Any] = dict.fromkeys(
    (
        "completion_id",
        "outcome",
        "completed_at",
        "start_hour",
        "duration_seconds",
        "goal",
        "callback_at",
        "callback_ignored",
    )
)
"""What a call loses when its completion turns out to be another call's."""

_call = schema.call.c
# Made once: a list's calls pass them many times a second.
_MEANT = (
    sa.select(_call.id, _call.ref, _call.environment, _call.owner, _call.call_id, _call.queued_at)
    .add_columns(_call.webhook_conn_id, _call.talked_seconds)
    .where(
        sa.or_(
            _call.id.in_(sa.bindparam("ids", expanding=True)), _call.call_id.in_(sa.bindparam("said", expanding=True))
        )
    )
    .order_by(_call.id)
    # Others may still record events of them while they hold a budget's lock, for which this waits at its end.
    .with_for_update(key_share=True)
)
_UNKNOWN: dict[str, Any] = {**UNSETTLED, "state": CallState.UNKNOWN, "call_id": None, "queued_at": None, "worker": None}

_Name = tuple[str, str]
"""An account's webhook connection, and a ``call_id`` there."""


def record_answers(tx: sa.Connection, answers: Sequence[tuple[Claim, str]]) -> None:
    """Record several answers; the locks of their parties and of each ``call_id`` must be held.

    An answer outranks whatever its call, or another one with that ``call_id``, was settled by in the meantime. Where
    two POSTs were answered with one ``call_id``, nobody knows whose it is: both calls are unknown.
    """
    said = {claim.id: call_id for claim, call_id in answers}
    rows = tx.execute(_MEANT, {"ids": list(said), "said": list(set(said.values()))}).all()
    owners = {claim.id: claim.owner for claim, _ in answers}
    ours = {row.id: row for row in rows if owners.get(row.id) == row.owner}
    if not ours:
        return
    claimants: defaultdict[_Name, list[Any]] = defaultdict(list)
    for row_id, row in ours.items():
        claimants[row.webhook_conn_id, said[row_id]].append(row)
    others = [row for row in rows if row.id not in ours and (row.webhook_conn_id, row.call_id) in claimants]
    for row in others:
        if row.queued_at is not None:
            claimants[row.webhook_conn_id, row.call_id].append(row)
    _take_back(tx, [row.id for row in others if row.queued_at is None])
    disputed = _dispute(tx, claimants, {row.environment for row in ours.values()})
    sure = {row_id: said[row_id] for row_id, row in ours.items() if (row.webhook_conn_id, said[row_id]) not in disputed}
    if sure:
        answered = [{"id": row_id, "call_id": call_id} for row_id, call_id in sure.items()]
        queued = {**UNSETTLED, "state": CallState.QUEUED, "queued_at": time_of(tx)}
        update_rows(tx, schema.call, answered, queued)
        record_events(tx, "queued", {row_id: {"call_id": call_id} for row_id, call_id in sure.items()})
        settle(tx, set(sure.values()))
    if talked := [row.id for row in rows if row.talked_seconds]:
        # What they were completed by before may be another call's.
        count_talked(tx, talked)
    recover_all(tx, {claim.party for claim, _ in answers})


def _take_back(tx: sa.Connection, row_ids: Sequence[int]) -> None:
    """Undo the recovery of calls by a ``call_id``: an answer proves that it is another call's."""
    if row_ids:
        tx.execute(sa.update(schema.call).where(_call.id.in_(row_ids)).values(_UNKNOWN))
        reason = {"reason": "the completion that settled it is another call's"}
        record_events(tx, "unknown", dict.fromkeys(row_ids, reason))


def _dispute(tx: sa.Connection, claimants: dict[_Name, list[Any]], environments: Collection[str]) -> Collection[_Name]:
    """Make all calls unknown to which one ``call_id`` was given, and keep that in mind for those that follow.

    :param claimants: the calls whose POST was answered with each.
    :param environments: whose calls are named in the log; it is theirs.
    :return: those that were given to more than one call.
    """
    known = known_disputes(tx, [call_id for _, call_id in claimants])
    disputed = {name: rows for name, rows in claimants.items() if len(rows) > 1 or name in known}
    for (webhook_conn_id, call_id), rows in disputed.items():
        add_dispute(tx, webhook_conn_id, call_id)
        ids = [row.id for row in rows]
        over = {**_UNKNOWN, "claim_expires_at": time_of(tx)}
        tx.execute(sa.update(schema.call).where(_call.id.in_(ids)).values(over))
        detail = {"reason": "VoiceInfra gave its call_id to another call too", "call_id": call_id}
        record_events(tx, "unknown", dict.fromkeys(ids, detail))
        log.warning(
            "VoiceInfra answered more than one POST with the call_id %s: the state of %s is unknown.",
            call_id,
            ", ".join(row.ref if row.environment in environments else "a call of another environment" for row in rows),
        )
    return disputed.keys()
