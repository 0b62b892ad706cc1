"""What was decided about calls before they are claimed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from airflow_provider_voiceinfra.store.claims.conflicts import find_conflict, find_denied, keys_in_use
from airflow_provider_voiceinfra.store.claims.prior_call import PriorCall
from airflow_provider_voiceinfra.store.claims.results import Conflict, ConflictReason
from airflow_provider_voiceinfra.store.guard.claim_request import ClaimRequest
from airflow_provider_voiceinfra.store.guard.rules import Denial, DeniedCall, Rule
from airflow_provider_voiceinfra.store.hashing import hash_key
from airflow_provider_voiceinfra.store.models import CallState


@dataclass(frozen=True, slots=True)
class Earlier:
    """What was decided about a call before: nothing, or one of the three.

    :param conflict: another call must be left alone.
    :param denied: the guard has blocked it for good.
    :param waiting: its row, where the guard has deferred it.
    """

    conflict: Conflict | None = None
    denied: DeniedCall | None = None
    waiting: PriorCall | None = None


def find_earlier(
    tx: sa.Connection, environment: str, requests: Sequence[ClaimRequest]
) -> Iterator[tuple[ClaimRequest, Earlier]]:
    """Find what was decided about each of some calls; the locks must be held."""
    known = keys_in_use(tx, environment, requests)
    for request in requests:
        may_be_known = not request.own_key or hash_key(request.base_key) in known
        yield request, _find(tx, environment, request) if may_be_known else Earlier()


def _find(tx: sa.Connection, environment: str, request: ClaimRequest) -> Earlier:
    conflict = find_conflict(tx, environment, request)
    if conflict is not None:
        return Earlier(conflict)
    call = find_denied(tx, environment, request)
    if call is None:
        return Earlier()
    if call.state != CallState.WAITING:
        return Earlier(denied=DeniedCall(call.ref, call.state, Denial(Rule(str(call.rule)))))
    if call.host != request.host:
        return Earlier(Conflict(call.ref, ConflictReason.HOST))
    return Earlier(waiting=call)
