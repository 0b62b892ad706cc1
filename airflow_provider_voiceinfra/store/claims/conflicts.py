"""Conflicts: which earlier call a new one must not be placed beside, by its key, its task or its number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.claims.requesters import record_requester, requested_by
from airflow_provider_voiceinfra.store.guard.do_not_call import hash_number
from airflow_provider_voiceinfra.store.hashing import hash_key, join_parts
from airflow_provider_voiceinfra.store.history import record_event
from airflow_provider_voiceinfra.store.locks import lock_all
from airflow_provider_voiceinfra.store.models import BLOCKED_STATES, CallState, Conflict, ConflictReason, NewCall

_call = schema.call.c
_IN_USE = sa.select(_call.base_key_hash).where(
    _call.environment == sa.bindparam("environment"),
    _call.realm.in_(sa.bindparam("realms", expanding=True)),
    _call.base_key_hash.in_(sa.bindparam("keys", expanding=True)),
)


def lock_intents(tx: sa.Connection, environment: str, calls: Sequence[NewCall]) -> None:
    """Let nobody else claim for the same keys or the same tasks until the transaction ends."""
    lock_all(tx, (("intent", environment, new.realm, _intent(new)) for new in calls))


def _intent(new: NewCall) -> object:
    return new.base_key if new.own_key else (new.source.dag_id, new.source.run, new.source.task_id)


def keys_in_use(tx: sa.Connection, environment: str, calls: Sequence[NewCall]) -> set[str]:
    """Find those of some base keys, as hashes, under which there is a call at all; the locks must be held."""
    wanted = {
        "environment": environment,
        "realms": list({new.realm for new in calls}),
        "keys": [hash_key(new.base_key) for new in calls],
    }
    return set(tx.scalars(_IN_USE, wanted))


def find_conflict(tx: sa.Connection, environment: str, new: NewCall) -> Conflict | None:
    """Find the call that conflicts with a new one; the lock must be held.

    Which call a clear has found is kept: a retry of the task must not dial because that call has ended meanwhile.
    """
    # What got its call_id was placed, even where a person had let its key go before the answer came.
    placed = sa.or_(sa.and_(_call.key_active, _call.state != CallState.WAITING), _call.call_id.is_not(None))
    here = (_call.environment == environment, _call.realm == new.realm, placed)
    same_intent = (*here, _call.base_key_hash == hash_key(new.base_key))
    latest = _latest(tx, *same_intent)
    if latest is not None and latest.host != new.host:
        return Conflict(latest.ref, ConflictReason.HOST)
    if latest is not None and not _is_to(tx, latest, new.to_number):
        # A template gave another number since: that is another person.
        return Conflict(latest.ref, ConflictReason.NUMBER)
    is_cleared = latest is not None and _is_cleared(new, latest) and not _has_requested(tx, new, latest)
    if latest is not None and not _may_follow(new, latest, is_cleared=is_cleared):
        if is_cleared:
            record_event(tx, latest.id, "found", asked_by=asker(new))
            record_requester(tx, latest.id, new.source)
        if latest.attempt > new.attempt:
            # A redial has come after the attempt that is asked for.
            latest = _latest(tx, *same_intent, _call.key_hash == hash_key(new.key)) or latest
        return Conflict(latest.ref, ConflictReason.KEY)
    if new.own_key:
        return None
    source = new.source
    same_task = (
        *here,
        ~_call.own_key,
        _call.dag_id == source.dag_id,
        _call.run == source.run,
        _call.task_id == source.task_id,
    )
    # A call that was purged has a hash of its number.
    number_hash = hash_number(tx, new.to_number)
    for same_number in (_call.to_number == new.to_number, _call.number_hash == number_hash):
        moved = _latest(tx, *same_task, same_number, _call.map_index != source.map_index)
        if moved is not None:
            return Conflict(moved.ref, ConflictReason.MAP_INDEX if moved.host == new.host else ConflictReason.HOST)
    earlier = _latest(
        tx,
        *same_task,
        _call.to_number != new.to_number,
        _call.number_hash.is_distinct_from(number_hash),
        _call.map_index == source.map_index,
        _call.generation == source.generation,
    )
    return None if earlier is None else Conflict(earlier.ref, ConflictReason.RETRY)


def find_undialled(tx: sa.Connection, environment: str, new: NewCall) -> Any:
    """Find the row of the same call that the guard has not let be dialled, where it is; the lock must be held.

    One that waits may be taken over by whoever asks for it. One that was refused for good is so for all tries of its
    task, until that is cleared.
    """
    same_key = (
        _call.environment == environment,
        _call.realm == new.realm,
        _call.base_key_hash == hash_key(new.base_key),
        _call.key_hash == hash_key(new.key),
    )
    latest = _latest(tx, *same_key)
    if latest is None or latest.state == CallState.WAITING:
        return latest
    # Not the latest only: other tasks may have been refused under the key since.
    return _latest(tx, *same_key, _call.state.in_(BLOCKED_STATES), requested_by(_call.id, new.source))


def asker(new: NewCall) -> str:
    """Name who asks for a call, for its history: a task, from one clear to the next."""
    source = new.source
    return join_parts(source.dag_id, source.run, source.task_id, source.map_index, source.generation)


def asked_before(waiting: Any, new: NewCall, rule: str) -> bool:
    """Tell whether the one who asks was told the same when he asked last: that needs no other event."""
    if waiting is None or waiting.rule != rule:
        return False
    source = new.source
    last = (*_task(waiting), waiting.generation)
    return last == (source.dag_id, source.run, source.task_id, source.map_index, source.generation)


def _has_requested(tx: sa.Connection, new: NewCall, row: Any) -> bool:
    """Tell whether the same task has asked for a call since the same clear."""
    return _latest(tx, _call.id == row.id, requested_by(_call.id, new.source)) is not None


def _is_cleared(new: NewCall, latest: Any) -> bool:
    """Tell whether a task asks to call again that has been cleared since its latest call."""
    return bool(new.clear and _is_same_task(new, latest) and latest.generation < new.source.generation)


def _is_same_task(new: NewCall, latest: Any) -> bool:
    source = new.source
    return _task(latest) == (source.dag_id, source.run, source.task_id, source.map_index)


def _may_follow(new: NewCall, latest: Any, *, is_cleared: bool) -> bool:
    """Tell whether the latest call of an intent has ended, and another one is asked for.

    By a redial of it, or by a later clear of the same task.
    """
    if latest.state != CallState.COMPLETED:
        return False
    if _is_same_task(new, latest) and latest.generation > new.source.generation:
        return False
    return is_cleared or bool(new.attempt > latest.attempt)


def _is_to(tx: sa.Connection, row: Any, number: str) -> bool:
    """Tell whether a call is to a number; one that was purged has a hash of its number."""
    return bool(row.to_number == number or row.number_hash == hash_number(tx, number))


def _task(row: Any) -> tuple[Any, ...]:
    return row.dag_id, row.run, row.task_id, row.map_index


def _latest(tx: sa.Connection, *where: sa.ColumnElement[bool]) -> Any:
    return tx.execute(sa.select(schema.call).where(*where).order_by(_call.id.desc()).limit(1)).first()
