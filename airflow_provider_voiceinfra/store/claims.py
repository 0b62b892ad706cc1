"""Claims: the one place that decides whether a POST may be sent. Every step is one committed transaction."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import tables
from airflow_provider_voiceinfra.store.completions import lock_call_id, settle
from airflow_provider_voiceinfra.store.database import Database
from airflow_provider_voiceinfra.store.events import record_event
from airflow_provider_voiceinfra.store.records import Call, CallState, Claim, Held, NewCall

CLAIM_LIFETIME = timedelta(seconds=120)
"""How long after its last fence a claim may still lead to a POST or to its answer: longer than connecting and
reading may take together. Whoever finds an older claim marks it unknown."""


class Claims:
    """Takes, fences and settles claims.

    :param database: the store's database.
    :param environment: keys of different environments do not meet.
    """

    def __init__(self, database: Database, environment: str) -> None:
        self._database = database
        self._environment = environment

    def take(self, new: NewCall) -> Claim | Held:
        """Claim a call, or find the call that holds its key already.

        :return: our new claim; or who holds the key, and then nothing may be dialled.
        """
        while True:
            taken = self._claim_or_holder(new)
            # On PostgreSQL the holder may let the key go in between the two looks.
            if taken is not None:
                return taken

    def _claim_or_holder(self, new: NewCall) -> Claim | Held | None:
        owner, ref, now = secrets.token_hex(16), f"vc_{secrets.token_hex(6)}", datetime.now(UTC)
        key_hash = hashlib.sha256(new.key.encode()).hexdigest()
        with self._database.write() as tx:
            row_id = tx.scalar(
                tables.insert(tx, tables.call)
                .values(
                    ref=ref,
                    environment=self._environment,
                    host=new.host,
                    key_hash=key_hash,
                    key_label=new.key_label,
                    holds_key=True,
                    conn_id=new.conn_id,
                    webhook_conn_id=new.webhook_conn_id,
                    dag_id=new.source.dag_id,
                    run_id=new.source.run_id,
                    task_id=new.source.task_id,
                    map_index=new.source.map_index,
                    generation=new.source.generation,
                    agent_id=new.agent_id,
                    from_number=new.from_number,
                    to_number=new.to_number,
                    request=dict(new.request),
                    fingerprint=dict(new.fingerprint),
                    metadata=dict(new.metadata),
                    state=CallState.CLAIMED,
                    owner=owner,
                    claimed_at=now,
                    claim_expires_at=now + CLAIM_LIFETIME,
                )
                .on_conflict_do_nothing()
                .returning(tables.call.c.id)
            )
            if row_id is None:
                return self._holder_of_key(tx, new.host, key_hash)
            record_event(tx, row_id, "claimed")
        return Claim(row_id, ref, owner)

    def fence(self, claim: Claim) -> bool:
        """Pass the fence: must be called, and be true, right before each POST.

        :return: whether the claim is still ours; if not, nothing may be sent.
        """
        now = datetime.now(UTC)
        with self._database.write() as tx:
            passed = self._update_own(tx, claim, CallState.CLAIMED, claim_expires_at=now + CLAIM_LIFETIME)
            if passed:
                record_event(tx, claim.id, "dialling")
        return passed

    def release(self, claim: Claim, why: str) -> bool:
        """Let the key go: nothing was sent.

        :return: False where the claim is not ours any more, and stays with whoever judged it.
        """
        with self._database.write() as tx:
            released = self._update_own(tx, claim, CallState.CLAIMED, state=CallState.RELEASED, holds_key=False)
            if released:
                record_event(tx, claim.id, "released", why=why)
        return released

    def record_queued(self, claim: Claim, call_id: str) -> None:
        """Record VoiceInfra's answer; where the completion has come before it, complete the call."""
        with self._database.write() as tx:
            lock_call_id(tx, call_id)
            if self._update_own(tx, claim, state=CallState.QUEUED, call_id=call_id, queued_at=datetime.now(UTC)):
                record_event(tx, claim.id, "queued", call_id=call_id)
                settle(tx, call_id)

    def record_rejected(self, claim: Claim, code: str, message: str) -> None:
        """Record that VoiceInfra refused the call; its key is free for a mended request."""
        with self._database.write() as tx:
            rejected = self._update_own(
                tx,
                claim,
                state=CallState.REJECTED,
                holds_key=False,
                error_code=code[:64],
                error_message=message,
            )
            if rejected:
                record_event(tx, claim.id, "rejected", code=code)

    def record_unknown(self, claim: Claim, why: str) -> None:
        """Record that nobody knows whether the call was placed."""
        with self._database.write() as tx:
            if self._update_own(tx, claim, CallState.CLAIMED, state=CallState.UNKNOWN):
                record_event(tx, claim.id, "unknown", why=why)

    def record_overdue(self, call_id: str) -> None:
        """Record that a call's completion did not come in time; it completes the call still when it comes."""
        with self._database.write() as tx:
            rows = tx.scalars(
                sa.update(tables.call)
                .where(tables.call.c.call_id == call_id, tables.call.c.state == CallState.QUEUED)
                .values(state=CallState.OVERDUE)
                .returning(tables.call.c.id)
            ).all()
            for row_id in rows:
                record_event(tx, row_id, "overdue")

    def expire(self, call: Call) -> bool:
        """Mark another's claim unknown if it is older than a POST may take.

        :return: whether it was marked now.
        """
        now = datetime.now(UTC)
        with self._database.write() as tx:
            expired = (
                tx.execute(
                    sa.update(tables.call)
                    .where(
                        tables.call.c.id == call.id,
                        tables.call.c.state == CallState.CLAIMED,
                        tables.call.c.claim_expires_at < now,
                    )
                    .values(state=CallState.UNKNOWN)
                ).rowcount
                == 1
            )
            if expired:
                record_event(tx, call.id, "unknown", why="its owner is gone")
        return expired

    def _holder_of_key(self, tx: sa.Connection, host: str, key_hash: str) -> Held | None:
        ref = tx.scalar(
            sa.select(tables.call.c.ref).where(
                tables.call.c.environment == self._environment,
                tables.call.c.host == host,
                tables.call.c.key_hash == key_hash,
                tables.call.c.holds_key,
            )
        )
        return None if ref is None else Held(ref)

    @staticmethod
    def _update_own(tx: sa.Connection, claim: Claim, only: CallState | None = None, **values: Any) -> bool:
        condition = [tables.call.c.id == claim.id, tables.call.c.owner == claim.owner]
        if only is not None:
            condition.append(tables.call.c.state == only)
        return tx.execute(sa.update(tables.call).where(*condition).values(**values)).rowcount == 1
