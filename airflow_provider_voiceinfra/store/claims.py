"""Claims: the one place that decides whether a POST may be sent. Every step is one committed transaction."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import tables
from airflow_provider_voiceinfra.store.budget import TURN_LENGTH, give_back
from airflow_provider_voiceinfra.store.completions import lock_call_id, settle
from airflow_provider_voiceinfra.store.database import Database
from airflow_provider_voiceinfra.store.events import record_event
from airflow_provider_voiceinfra.store.guard import Guard
from airflow_provider_voiceinfra.store.holders import (
    asked_before,
    asker,
    find_holder,
    find_undialled,
    hash_key,
    lock_intent,
)
from airflow_provider_voiceinfra.store.records import CallState, Claim, Held, NewCall
from airflow_provider_voiceinfra.store.recovery import Party, lock_party, party_of_call, recover
from airflow_provider_voiceinfra.store.rules import Fence, Refusal, Refused, Rule, Rules

CLAIM_LIFETIME = timedelta(seconds=60)
"""How long after its last fence a claim may still lead to a POST or to its answer: longer than beginning to send,
waiting for the answer and reading it may take together. Whoever finds an older claim lets it expire."""

_NO_RULES = Rules()


class Claims:
    """Takes, fences and settles claims.

    :param database: the store's database.
    :param environment: keys of different environments do not meet.
    :param guard: says whether a call may be dialled.
    """

    def __init__(self, database: Database, environment: str, guard: Guard) -> None:
        self._database = database
        self._environment = environment
        self._guard = guard

    def take(self, new: NewCall, rules: Rules = _NO_RULES) -> Claim | Held | Refused:
        """Claim a call, or find what stands in its way.

        :param rules: that the guard checks it against.
        :return: our claim; or another call, or the guard, and then nothing may be dialled.
        """
        now, owner = datetime.now(UTC), secrets.token_hex(16)
        with self._database.write() as tx:
            lock_intent(tx, self._environment, new)
            held = find_holder(tx, self._environment, new)
            if held is not None:
                return held
            earlier = find_undialled(tx, self._environment, new)
            if earlier is not None and earlier.state != CallState.WAITING:
                return Refused(earlier.ref, CallState(earlier.state), Refusal(Rule(earlier.rule)))
            checked = self._guard.check(tx, new, rules, now)
            row = self._row(new, owner, now)
            if isinstance(checked, Refusal):
                row_id, ref = _put(tx, earlier, row | _refused_by(checked))
                if not asked_before(earlier, new, checked.rule):
                    record_event(tx, row_id, checked.rule.state, rule=checked.rule, asked_by=asker(new))
                return Refused(ref, checked.rule.state, checked)
            row_id, ref = _put(tx, earlier, row | {"state": CallState.CLAIMED, "counted_on": checked})
            record_event(tx, row_id, "claimed")
        return Claim(row_id, ref, owner)

    def _row(self, new: NewCall, owner: str, now: datetime) -> dict[str, Any]:
        source = new.source
        return {
            "environment": self._environment,
            "host": new.host,
            "key_hash": hash_key(new.key),
            "base_key_hash": hash_key(new.base_key),
            "key_label": new.key_label,
            "own_key": new.own_key,
            "holds_key": True,
            "conn_id": new.conn_id,
            "webhook_conn_id": new.webhook_conn_id,
            "dag_id": source.dag_id,
            "run_id": source.run_id,
            "run": source.run,
            "task_id": source.task_id,
            "map_index": source.map_index,
            "generation": source.generation,
            "agent_id": new.agent_id,
            "from_number": new.from_number,
            "to_number": new.to_number,
            "request": dict(new.request),
            "fingerprint": dict(new.fingerprint),
            "metadata": dict(new.metadata),
            "attempt": new.attempt,
            "list_id": new.list_id,
            "owner": owner,
            "claimed_at": now,
            "claim_expires_at": now + CLAIM_LIFETIME,
            "fences": 0,
            "deadline": now + new.patience,
            "rule": None,
            "wait_until": None,
            "hold_id": None,
            "purged_at": None,
            "number_hash": None,
        }

    def fence(
        self, claim: Claim, new: NewCall, rules: Rules = _NO_RULES, *, turn_length: timedelta = TURN_LENGTH
    ) -> Fence | Refused | None:
        """Pass the fence: must be called, and give one, right before each POST.

        :param new: the call, and ``rules``, as they were when it was claimed.
        :param turn_length: for how long its turn to send is to last, where there are turns.
        :return: None where the claim is not ours any more; then, and where it is refused, nothing may be sent.
        """
        now = datetime.now(UTC)
        with self._database.write() as tx:
            refusal = self._guard.check_again(tx, new, rules, now)
            lock_party(tx, Party.of(new))
            turn = refusal or self._guard.turn(tx, new, rules, now, turn_length)
            if isinstance(turn, Refusal):
                return self._refuse(tx, claim, new, turn)
            until = now + CLAIM_LIFETIME
            passed: dict[str, Any] = {"claim_expires_at": until, "fences": tables.call.c.fences + 1}
            if not self._update_own(tx, claim, CallState.CLAIMED, **passed):
                return None
            record_event(tx, claim.id, "dialling")
        return Fence(until) if turn is None else Fence(until, turn, turn + turn_length)

    def _refuse(self, tx: sa.Connection, claim: Claim, new: NewCall, refusal: Refusal) -> Refused | None:
        party = Party.of(new)
        if not self._let_go(tx, claim, CallState.CLAIMED, **_refused_by(refusal)):
            return None
        record_event(tx, claim.id, refusal.rule.state, rule=refusal.rule, asked_by=asker(new))
        if refusal.rule is not Rule.PACE:
            # Who took a turn in vain holds the budget's row, after which nothing else is locked.
            recover(tx, party)
        return Refused(claim.ref, refusal.rule.state, refusal)

    def release(self, claim: Claim, why: str) -> bool:
        """Let the key go: nothing was sent.

        :return: False where the claim is not ours any more, and stays with whoever judged it.
        """
        with self._database.write() as tx:
            party = party_of_call(tx, claim.id)
            lock_party(tx, party)
            released = self._let_go(tx, claim, CallState.CLAIMED, state=CallState.RELEASED, holds_key=False)
            if released:
                record_event(tx, claim.id, "released", why=why)
                recover(tx, party)
        return released

    def record_queued(self, claim: Claim, call_id: str) -> None:
        """Record VoiceInfra's answer, which outranks whatever the call was settled by in the meantime.

        Where the completion has come before it, the call is completed.
        """
        with self._database.write() as tx:
            party = party_of_call(tx, claim.id)
            lock_party(tx, party)
            lock_call_id(tx, call_id)
            answer: dict[str, Any] = {"state": CallState.QUEUED, "call_id": call_id, "queued_at": datetime.now(UTC)}
            if self._update_own(tx, claim, **_UNSETTLED, **answer):
                record_event(tx, claim.id, "queued", call_id=call_id)
                _take_back(tx, claim, call_id, party)
                settle(tx, [call_id])
                recover(tx, party)

    def record_rejected(self, claim: Claim, code: str, message: str) -> None:
        """Record that VoiceInfra refused the call; its key is free for a mended request."""
        with self._database.write() as tx:
            party = party_of_call(tx, claim.id)
            lock_party(tx, party)
            answer: dict[str, Any] = {"state": CallState.REJECTED, "call_id": None, "holds_key": False}
            answer |= {"error_code": code[:64], "error_message": message}
            if self._let_go(tx, claim, **_UNSETTLED, **answer):
                record_event(tx, claim.id, "rejected", code=code)
                recover(tx, party)

    def record_unknown(self, claim: Claim, why: str) -> None:
        """Record that nobody knows whether the call was placed; if its completion has come, that settles it."""
        with self._database.write() as tx:
            party = party_of_call(tx, claim.id)
            lock_party(tx, party)
            # Its owner has given up: nothing is sent under this claim any more.
            over: dict[str, Any] = {"state": CallState.UNKNOWN, "claim_expires_at": datetime.now(UTC)}
            if self._update_own(tx, claim, CallState.CLAIMED, **over):
                record_event(tx, claim.id, "unknown", why=why)
                recover(tx, party)

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

    def record_refused(self, ref: str, rule: str, **detail: str) -> None:
        """Record that another call was refused because of this one.

        :param rule: which rule, such as ``idempotency_key``.
        :param detail: without numbers or words.
        """
        with self._database.write() as tx:
            row_id = tx.execute(sa.select(tables.call.c.id).where(tables.call.c.ref == ref)).scalar_one()
            record_event(tx, row_id, "refused", rule=rule, **detail)

    def settled(self, refs: Collection[str]) -> set[str]:
        """Look which of some calls are neither being placed nor unknown any more.

        Claims among them whose owner is gone expire, and are settled if their completion has come.
        """
        columns, now = tables.call.c, datetime.now(UTC)
        query = sa.select(columns.ref, columns.state, columns.claim_expires_at).where(columns.ref.in_(refs))
        with self._database.read() as tx:
            calls = tx.execute(query).all()
        for call in calls:
            if call.state == CallState.CLAIMED and call.claim_expires_at < now:
                self.expire(call.ref)
        return {call.ref for call in calls if call.state not in {CallState.CLAIMED, CallState.UNKNOWN}}

    def expire(self, ref: str) -> None:
        """Let a claim expire if it is older than a POST may take; if its completion has come, settle it."""
        with self._database.write() as tx:
            row_id = tx.execute(sa.select(tables.call.c.id).where(tables.call.c.ref == ref)).scalar_one()
            party = party_of_call(tx, row_id)
            lock_party(tx, party)
            recover(tx, party)

    def _let_go(self, tx: sa.Connection, claim: Claim, only: CallState | None = None, **values: Any) -> bool:
        """End a claim under which nobody was called: it counts against no limit."""
        ended = self._update_own(tx, claim, only, **values)
        if ended:
            give_back(tx, [claim.id])
        return ended

    @staticmethod
    def _update_own(tx: sa.Connection, claim: Claim, only: CallState | None = None, **values: Any) -> bool:
        condition = [tables.call.c.id == claim.id, tables.call.c.owner == claim.owner]
        if only is not None:
            condition.append(tables.call.c.state == only)
        return tx.execute(sa.update(tables.call).where(*condition).values(**values)).rowcount == 1


def _put(tx: sa.Connection, waiting: Any, row: dict[str, Any]) -> tuple[int, str]:
    """Write the row of a call; one that waited goes on under its ref."""
    if waiting is not None:
        tx.execute(sa.update(tables.call).where(tables.call.c.id == waiting.id).values(row))
        return waiting.id, waiting.ref
    ref = f"vc_{secrets.token_hex(6)}"
    row_id = tx.scalar(tables.call.insert().values(ref=ref, **row).returning(tables.call.c.id))
    assert row_id is not None  # noqa: S101 - the insert gives it
    return row_id, ref


def _refused_by(refusal: Refusal) -> dict[str, Any]:
    state = refusal.rule.state
    return {
        "state": state,
        "holds_key": state == CallState.WAITING,
        "rule": refusal.rule,
        "wait_until": refusal.until,
        "hold_id": refusal.hold_id,
    }


_UNSETTLED: dict[str, Any] = {"completion_id": None, "outcome": None, "completed_at": None}


def _take_back(tx: sa.Connection, claim: Claim, call_id: str, party: Party) -> None:
    """Undo the recovery of another call by this ``call_id``: the answer proves whose it is."""
    columns = tables.call.c
    of_account = columns.webhook_conn_id == party.webhook_conn_id
    taken = tx.scalars(
        sa.update(tables.call)
        .where(columns.call_id == call_id, columns.id != claim.id, columns.queued_at.is_(None), of_account)
        .values(**_UNSETTLED, state=CallState.UNKNOWN, call_id=None)
        .returning(tables.call.c.id)
    ).all()
    for row_id in taken:
        record_event(tx, row_id, "unknown", why="the completion that settled it is another call's")
