"""Granting send permits: the last transaction before each POST."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.claims.claim_batch import denied_by
from airflow_provider_voiceinfra.store.claims.ownership import free_own
from airflow_provider_voiceinfra.store.claims.recovery import recover
from airflow_provider_voiceinfra.store.claims.requesters import record_requester, requester_label
from airflow_provider_voiceinfra.store.claims.results import Claim, PermitResult, SendPermit
from airflow_provider_voiceinfra.store.clock import read_time
from airflow_provider_voiceinfra.store.guard import lifetimes
from airflow_provider_voiceinfra.store.guard.rules import Denial, DeniedCall, SendSlot
from airflow_provider_voiceinfra.store.guard.session import GuardSession
from airflow_provider_voiceinfra.store.history import record_event, record_events
from airflow_provider_voiceinfra.store.lists.list_rows import deny_row
from airflow_provider_voiceinfra.store.models import CallState

_call = schema.call.c
# Made once: a list's calls need permits many times a second.
_IDS: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
_PERMIT = (
    sa.update(schema.call)
    # By id, which is quick, and by owner.
    .where(_call.id.in_(_IDS), sa.tuple_(_call.id, _call.owner).in_(sa.bindparam("ours", expanding=True)))
    .where(_call.state == CallState.CLAIMED)
    .values(claim_expires_at=sa.bindparam("until"), permits=_call.permits + 1)
    .returning(_call.id)
)


def grant_permits(
    tx: sa.Connection, session: GuardSession, claims: Sequence[Claim], reserved: Mapping[int, SendSlot]
) -> list[PermitResult]:
    """Grant a send permit to each claim that is still ours, unless the guard denies the call now.

    :param reserved: send slots that claims have already, by the claim's id.
    """
    # Again, where answers were recorded before: a permit is short.
    read_time(tx)
    denied: dict[int, DeniedCall | None] = {}
    for claim in claims:
        denial = session.check_again(claim.request)
        if denial is not None:
            denied[claim.id] = _deny(tx, claim, denial)
            # Not later: once a budget's row is locked, nothing else may be.
            recover(tx, claim.party)
    slots: dict[int, SendSlot | None] = {}
    for claim in claims:
        if claim.id in denied:
            continue
        verdict = session.check_budgets(claim.request, claim.estimated_seconds or 0, reserved.get(claim.id))
        if verdict.denial is not None:
            denied[claim.id] = _deny(tx, claim, verdict.denial)
        else:
            slots[claim.id] = verdict.slot
    ours = _note_permits(tx, [claim for claim in claims if claim.id in slots], session.now + lifetimes.CLAIM_LIFETIME)
    until = session.now + lifetimes.PERMIT_LIFETIME
    return [
        PermitResult(SendPermit(until, slots[claim.id]))
        if claim.id in ours
        else PermitResult(None, denied.get(claim.id))
        for claim in claims
    ]


def _note_permits(tx: sa.Connection, claims: Sequence[Claim], until: datetime) -> set[int]:
    """Note that these are about to be sent.

    :return: those whose claim is still ours.
    """
    if not claims:
        return set()
    ours = [(claim.id, claim.owner) for claim in claims]
    permitted = set(tx.scalars(_PERMIT, {"until": until, "ids": [row_id for row_id, _ in ours], "ours": ours}))
    record_events(tx, "permitted", {row_id: {} for row_id in permitted})
    return permitted


def _deny(tx: sa.Connection, claim: Claim, denial: Denial) -> DeniedCall | None:
    """Release a claim whose call the guard denies; None if it is no longer ours."""
    if not free_own(tx, claim, CallState.CLAIMED, **denied_by(denial)):
        return None
    source, list_row = claim.request.source, claim.request.list_row
    record_event(tx, claim.id, denial.state, rule=denial.rule, asked_by=requester_label(source))
    record_requester(tx, claim.id, source)
    denied = DeniedCall(claim.ref, denial.state, denial)
    if list_row is not None:
        deny_row(tx, list_row, denied)
    return denied
