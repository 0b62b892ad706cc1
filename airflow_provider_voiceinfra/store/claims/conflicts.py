"""Conflicts: which earlier call a new one must not be placed beside, by its key, its task or its number."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.claims.prior_call import PriorCall, latest_call
from airflow_provider_voiceinfra.store.claims.requesters import record_requester, requested_by, requester_label
from airflow_provider_voiceinfra.store.claims.results import Conflict, ConflictReason
from airflow_provider_voiceinfra.store.guard.claim_request import ClaimRequest
from airflow_provider_voiceinfra.store.guard.do_not_call import hash_number
from airflow_provider_voiceinfra.store.hashing import hash_key
from airflow_provider_voiceinfra.store.history import record_event
from airflow_provider_voiceinfra.store.locks import lock_all
from airflow_provider_voiceinfra.store.models import ANSWERED, BLOCKED_STATES, CallState

_call = schema.call.c
_IN_USE = sa.select(_call.base_key_hash).where(
    _call.environment == sa.bindparam("environment"),
    _call.realm.in_(sa.bindparam("realms", expanding=True)),
    _call.base_key_hash.in_(sa.bindparam("keys", expanding=True)),
)


def lock_intents(tx: sa.Connection, environment: str, requests: Sequence[ClaimRequest]) -> None:
    """Let nobody else claim for the same keys or the same tasks until the transaction ends."""
    lock_all(tx, (("intent", environment, request.realm, _intent(request)) for request in requests))


def _intent(request: ClaimRequest) -> object:
    source = request.source
    return request.base_key if request.own_key else (source.dag_id, source.logical_run, source.task_id)


def keys_in_use(tx: sa.Connection, environment: str, requests: Sequence[ClaimRequest]) -> set[str]:
    """Find those of some base keys, as hashes, under which there is a call at all; the locks must be held."""
    wanted = {
        "environment": environment,
        "realms": list({request.realm for request in requests}),
        "keys": [hash_key(request.base_key) for request in requests],
    }
    return set(tx.scalars(_IN_USE, wanted))


def find_conflict(tx: sa.Connection, environment: str, request: ClaimRequest) -> Conflict | None:
    """Find the call that conflicts with a new one; the lock must be held.

    Which call a clear has found is kept: a retry of the task must not dial because that call has ended meanwhile.
    """
    # What got its call_id was placed, even where a person had freed its key before the answer came.
    placed = sa.or_(sa.and_(_call.key_active, _call.state != CallState.WAITING), _call.call_id.is_not(None))
    here = (_call.environment == environment, _call.realm == request.realm, placed)
    conflict = _conflict_by_key(tx, here, request)
    if conflict is not None or request.own_key:
        return conflict
    return _conflict_by_task(tx, here, request)


def _conflict_by_key(
    tx: sa.Connection, here: tuple[sa.ColumnElement[bool], ...], request: ClaimRequest
) -> Conflict | None:
    same_intent = (*here, _call.base_key_hash == hash_key(request.base_key))
    latest = latest_call(tx, *same_intent)
    if latest is None:
        return None
    if latest.host != request.host:
        return Conflict(latest.ref, ConflictReason.HOST)
    its_numbers = (request.to_number, *request.other_numbers)
    if not any(latest.is_to(number, hash_number(tx, number)) for number in its_numbers):
        # A template gave another number since: that is another person.
        return Conflict(latest.ref, ConflictReason.NUMBER)
    is_cleared = _is_cleared(tx, request, latest)
    if _may_follow(request, latest, is_cleared=is_cleared):
        return None
    if is_cleared:
        record_event(tx, latest.id, "found", asked_by=requester_label(request.source))
        record_requester(tx, latest.id, request.source)
    if latest.attempt > request.attempt:
        # A redial has come after the attempt that is asked for.
        latest = latest_call(tx, *same_intent, _call.key_hash == hash_key(request.key)) or latest
    return Conflict(latest.ref, ConflictReason.KEY)


def _conflict_by_task(
    tx: sa.Connection, here: tuple[sa.ColumnElement[bool], ...], request: ClaimRequest
) -> Conflict | None:
    """Find another call of the same task: to the same number by another map index, or by an earlier try to another."""
    source = request.source
    same_task = (
        *here,
        ~_call.own_key,
        _call.dag_id == source.dag_id,
        _call.logical_run == source.logical_run,
        _call.task_id == source.task_id,
    )
    # A call that was purged has a hash of its number.
    number_hash = hash_number(tx, request.to_number)
    for same_number in (_call.to_number == request.to_number, _call.number_hash == number_hash):
        moved = latest_call(tx, *same_task, same_number, _call.map_index != source.map_index)
        if moved is not None:
            same_host = moved.host == request.host
            return Conflict(moved.ref, ConflictReason.MAP_INDEX if same_host else ConflictReason.HOST)
    earlier = latest_call(
        tx,
        *same_task,
        _call.to_number != request.to_number,
        _call.number_hash.is_distinct_from(number_hash),
        _call.map_index == source.map_index,
        _call.generation == source.generation,
    )
    return None if earlier is None else Conflict(earlier.ref, ConflictReason.RETRY)


def find_denied(tx: sa.Connection, environment: str, request: ClaimRequest) -> PriorCall | None:
    """Find the same call where the guard has denied it before; the lock must be held.

    One that waits may be taken over by any task that asks for it. One that was blocked is so for all tries of its
    task, until that is cleared.
    """
    same_key = (
        _call.environment == environment,
        _call.realm == request.realm,
        _call.base_key_hash == hash_key(request.base_key),
        _call.key_hash == hash_key(request.key),
    )
    latest = latest_call(tx, *same_key)
    if latest is None or latest.state == CallState.WAITING:
        return latest
    # Not the latest only: other tasks may have been blocked under the key since.
    return latest_call(tx, *same_key, _call.state.in_(BLOCKED_STATES), requested_by(_call.id, request.source))


def _is_cleared(tx: sa.Connection, request: ClaimRequest, latest: PriorCall) -> bool:
    """Return whether a task asks to call again that has been cleared since its latest call, and does so first."""
    source = request.source
    if not request.clear or not latest.source.is_same_task(source) or latest.source.generation >= source.generation:
        return False
    return latest_call(tx, _call.id == latest.id, requested_by(_call.id, source)) is None


def _may_follow(request: ClaimRequest, latest: PriorCall, *, is_cleared: bool) -> bool:
    """Return whether the latest call of an intent has ended, and another one is asked for.

    By a redial of it, or by a later clear of the same task.
    """
    source = request.source
    if latest.state != CallState.COMPLETED and not _is_asked_for(request, latest):
        return False
    if _is_answered_late(request, latest):
        return False
    if latest.source.is_same_task(source) and latest.source.generation > source.generation:
        return False
    return is_cleared or request.attempt > latest.attempt


def _is_asked_for(request: ClaimRequest, latest: PriorCall) -> bool:
    """Return whether a person has asked for this redial of a call that is overdue."""
    is_asked = latest.state == CallState.OVERDUE and latest.redial_asked_by is not None
    return is_asked and request.attempt == latest.attempt + 1


def _is_answered_late(request: ClaimRequest, latest: PriorCall) -> bool:
    """Return whether the completion of a call says that it was answered, since a person asked for this redial of it."""
    is_asked = latest.redial_asked_by is not None and request.attempt == latest.attempt + 1
    return is_asked and latest.outcome == ANSWERED
