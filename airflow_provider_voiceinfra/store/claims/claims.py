"""Claims: the one place that decides whether a POST may be sent. Every step is one committed transaction."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.claims.answers import UNSETTLED, record_answers
from airflow_provider_voiceinfra.store.claims.claim_batch import Claiming, refused_by
from airflow_provider_voiceinfra.store.claims.conflicts import (
    asker,
    find_conflict,
    find_undialled,
    keys_in_use,
    lock_intents,
)
from airflow_provider_voiceinfra.store.claims.recovery import lock_party, party_of_call, recover, recover_all
from airflow_provider_voiceinfra.store.claims.requesters import record_requester
from airflow_provider_voiceinfra.store.claims.settling import lock_call_id
from airflow_provider_voiceinfra.store.clock import read_time, time_of
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.guard.rate_budget import SendSlot, refund
from airflow_provider_voiceinfra.store.guard.rules import PERMIT_LIFETIME, Asked, Fence, Refusal, Refused, Rule, Rules
from airflow_provider_voiceinfra.store.guard.session import Guard, Look
from airflow_provider_voiceinfra.store.hashing import hash_key
from airflow_provider_voiceinfra.store.history import record_event, record_events
from airflow_provider_voiceinfra.store.lists.list_rows import DueRow, make_due, refuse_row
from airflow_provider_voiceinfra.store.models import CallState, Claim, Conflict, ConflictReason, NewCall, Party

CLAIM_LIFETIME = timedelta(seconds=60)
"""How long after its last fence a claim may still lead to a POST or to its answer: longer than beginning to send,
waiting for the answer and reading it may take together. Whoever finds an older claim lets it expire."""

_NO_RULES = Rules()

_call = schema.call.c
# Made once: a list's calls pass them many times a second.
_IDS: sa.BindParameter[Any] = sa.bindparam("ids", expanding=True)
_PASS = (
    sa.update(schema.call)
    # By number, which is quick, and by owner.
    .where(_call.id.in_(_IDS), sa.tuple_(_call.id, _call.owner).in_(sa.bindparam("ours", expanding=True)))
    .where(_call.state == CallState.CLAIMED)
    .values(claim_expires_at=sa.bindparam("until"), fences=_call.fences + 1)
    .returning(_call.id)
)


@dataclass(frozen=True, slots=True)
class AtFence:
    """A claimed call that is about to be dialled; see :meth:`Claims.fence`."""

    claim: Claim
    new: NewCall
    rules: Rules = _NO_RULES


class Claims:
    """Takes, fences and settles claims.

    :param database: the store's database.
    :param environment: keys of different environments do not meet, and the calls of others are not touched. Only where
        nobody knows what became of calls to one person, those of all environments are judged together.
    :param guard: says whether a call may be dialled.
    """

    def __init__(self, database: Database, environment: str, guard: Guard) -> None:
        self._database = database
        self._environment = environment
        self._is_mine = _call.environment == environment
        self._guard = guard

    def take(self, new: NewCall, rules: Rules = _NO_RULES) -> Claim | Conflict | Refused:
        """Claim a call, or find what stands in its way.

        :param rules: that the guard checks it against.
        :return: our claim; or another call, or the guard, and then nothing may be dialled.
        """
        return self.take_all([Asked(new, rules)])[0]

    def take_all(self, asked: Sequence[Asked]) -> list[Claim | Conflict | Refused]:
        """Claim several calls in one transaction; see :meth:`take`.

        :param asked: no two of one key, one task without keys of its own, or one number.
        """
        owner = secrets.token_hex(16)
        with self._database.write() as tx:
            look, claiming = self._look(tx, asked), Claiming(tx, owner)
            for each, earlier in self._earlier_calls(tx, asked):
                if isinstance(earlier, Conflict | Refused):
                    claiming.leave(each.new, earlier)
                    continue
                checked = look.check(each.new, each.rules)
                row = self._row(each.new, owner, look.now)
                if isinstance(checked, Refusal):
                    claiming.refuse(each.new, earlier, row, checked)
                else:
                    claiming.claim(each.new, earlier, row | {"state": CallState.CLAIMED, "counted_on": checked})
            claiming.write()
            look.write()
        return claiming.taken()

    def foresee(self, asked: Sequence[Asked]) -> list[Conflict | Refused | Refusal | None]:
        """Say what stands in the way of several calls now, and claim none; see :meth:`take_all`."""
        with self._database.write() as tx:
            look, met = self._look(tx, asked), []
            for each, earlier in self._earlier_calls(tx, asked):
                checked = earlier if isinstance(earlier, Conflict | Refused) else look.check(each.new, each.rules)
                met.append(None if isinstance(checked, str) else checked)
            tx.rollback()
        return met

    def _look(self, tx: sa.Connection, asked: Sequence[Asked]) -> Look:
        lock_intents(tx, self._environment, [each.new for each in asked])
        look = self._guard.look(tx, asked)
        look.lock_numbers()
        read_time(tx)
        return look

    def _earlier_calls(self, tx: sa.Connection, asked: Sequence[Asked]) -> Iterator[tuple[Asked, Any]]:
        """Find what stands in the way of each call, or the row of it that waits."""
        known = keys_in_use(tx, self._environment, [each.new for each in asked])
        for each in asked:
            may_be_known = not each.new.own_key or hash_key(each.new.base_key) in known
            yield each, self._earlier(tx, each.new) if may_be_known else None

    def _earlier(self, tx: sa.Connection, new: NewCall) -> Any:
        """Find what stands in the way of a call, or the row of it that waits."""
        conflict = find_conflict(tx, self._environment, new)
        if conflict is not None:
            return conflict
        earlier = find_undialled(tx, self._environment, new)
        if earlier is not None and earlier.state != CallState.WAITING:
            return Refused(earlier.ref, CallState(earlier.state), Refusal(Rule(earlier.rule)))
        if earlier is not None and earlier.host != new.host:
            return Conflict(earlier.ref, ConflictReason.HOST)
        return earlier

    def _row(self, new: NewCall, owner: str, now: datetime) -> dict[str, Any]:
        source = new.source
        return {
            "environment": self._environment,
            "realm": new.realm,
            "host": new.host,
            "key_hash": hash_key(new.key),
            "base_key_hash": hash_key(new.base_key),
            "key_label": new.key_label,
            "own_key": new.own_key,
            "key_active": True,
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
            "pause_id": None,
            "purged_at": None,
            "number_hash": None,
        }

    def fence(self, claim: Claim, new: NewCall, rules: Rules = _NO_RULES) -> Fence | Refused | None:
        """Pass the fence: must be called, and give one, right before each POST.

        :param new: the call, and ``rules``, as they were when it was claimed.
        :return: None where the claim is not ours any more; then, and where it is refused, nothing may be sent.
        """
        return self.fence_all([AtFence(claim, new, rules)])[0]

    def fence_all(self, waiting: Sequence[AtFence]) -> list[Fence | Refused | None]:
        """Let several calls pass the fence in one transaction; see :meth:`fence`."""
        return self.advance([], waiting)

    def advance(self, answers: Sequence[tuple[Claim, str]], waiting: Sequence[AtFence]) -> list[Fence | Refused | None]:
        """Record answers, and let other calls pass the fence, in one transaction.

        :param answers: see :meth:`record_queued`.
        :param waiting: see :meth:`fence`.
        :return: for each of those that wait.
        """
        with self._database.write() as tx:
            look = self._guard.look(tx, [Asked(each.new, each.rules) for each in waiting])
            parties = [*(claim.party for claim, _ in answers), *(each.claim.party for each in waiting)]
            lock_party(tx, *parties)
            lock_call_id(tx, *(call_id for _, call_id in answers))
            if answers:
                record_answers(tx, answers)
            passed = self._fence(tx, look, waiting)
            look.write()
        return passed

    def _fence(self, tx: sa.Connection, look: Look, waiting: Sequence[AtFence]) -> list[Fence | Refused | None]:
        # Anew, where answers were recorded before: a permit is short.
        read_time(tx)
        met: dict[int, SendSlot | Refusal | None] = {
            each.claim.id: look.check_again(each.new, each.rules) for each in waiting
        }
        refused = {each.claim.id: self._refuse(tx, each, met[each.claim.id]) for each in waiting}
        for each in waiting:
            if met[each.claim.id] is None:
                met[each.claim.id] = slot = look.reserve_slot(each.new, each.rules)
                refused[each.claim.id] = self._refuse(tx, each, slot)
        going = [each.claim for each in waiting if not isinstance(met[each.claim.id], Refusal)]
        passed = self._pass(tx, going, look.now + CLAIM_LIFETIME)
        return [
            _permit(look.now, met[each.claim.id]) if each.claim.id in passed else refused[each.claim.id]
            for each in waiting
        ]

    @staticmethod
    def _pass(tx: sa.Connection, claims: Sequence[Claim], until: datetime) -> set[int]:
        """Note that these are about to be dialled.

        :return: those whose claim is ours still.
        """
        if not claims:
            return set()
        ours = [(claim.id, claim.owner) for claim in claims]
        passed = set(tx.scalars(_PASS, {"until": until, "ids": [row_id for row_id, _ in ours], "ours": ours}))
        record_events(tx, "dialling", {row_id: {} for row_id in passed})
        return passed

    def _refuse(self, tx: sa.Connection, at: AtFence, met: object) -> Refused | None:
        if not isinstance(met, Refusal) or not self._let_go(tx, at.claim, CallState.CLAIMED, **refused_by(met)):
            return None
        record_event(tx, at.claim.id, met.rule.state, rule=met.rule, asked_by=asker(at.new))
        record_requester(tx, at.claim.id, at.new.source)
        if met.rule is not Rule.PACE:
            # Who was given no slot holds the budget's row, after which nothing else is locked.
            recover(tx, Party.of(at.new))
        refused = Refused(at.claim.ref, met.rule.state, met)
        refuse_row(tx, at.new, refused)
        return refused

    def release(self, claim: Claim, why: str) -> bool:
        """Let the key go: nothing was sent.

        :return: False where the claim is no longer ours, and is left as it is.
        """
        return bool(self.release_all([(claim, None)], why))

    def release_all(
        self, claims: Sequence[tuple[Claim, DueRow | None]], why: str, due_at: datetime | None = None
    ) -> set[int]:
        """Let several keys go in one transaction; see :meth:`release`.

        :param claims: each with its row, where it is a list's: the row is due again then.
        :param due_at: when the rows are due again; None for at once.
        :return: the ids of the claims that were ours still.
        """
        with self._database.write() as tx:
            lock_party(tx, *(claim.party for claim, _ in claims))
            ours = {"state": CallState.RELEASED, "key_active": False}
            released = [pair for pair in claims if self._update_own(tx, pair[0], CallState.CLAIMED, **ours)]
            ids = {claim.id for claim, _ in released}
            refund(tx, ids)
            record_events(tx, "released", {claim_id: {"why": why} for claim_id in ids})
            recover_all(tx, {claim.party for claim, _ in released})
            make_due(tx, [row for _, row in released if row is not None], due_at or time_of(tx))
        return ids

    def record_queued(self, claim: Claim, call_id: str) -> None:
        """Record VoiceInfra's answer, which outranks whatever the call was settled by in the meantime.

        Where the completion has come before it, the call is completed. Where another call was answered with the same
        ``call_id``, both are unknown.
        """
        self.record_all_queued([(claim, call_id)])

    def record_all_queued(self, answers: Sequence[tuple[Claim, str]]) -> None:
        """Record several answers in one transaction; see :meth:`record_queued`."""
        self.advance(answers, [])

    def record_rejected(self, claim: Claim, code: str, message: str) -> None:
        """Record that VoiceInfra refused the call; its key is free for a mended request."""
        with self._database.write() as tx:
            lock_party(tx, claim.party)
            answer: dict[str, Any] = {"state": CallState.REJECTED, "call_id": None, "key_active": False}
            answer |= {"error_code": code[:64], "error_message": message}
            if self._let_go(tx, claim, **UNSETTLED, **answer):
                record_event(tx, claim.id, "rejected", code=code)
                recover(tx, claim.party)

    def record_unknown(self, claim: Claim, why: str) -> None:
        """Record that nobody knows whether the call was placed; if its completion has come, that settles it."""
        with self._database.write() as tx:
            lock_party(tx, claim.party)
            # Its owner has given up: nothing is sent under this claim any more.
            over: dict[str, Any] = {"state": CallState.UNKNOWN, "claim_expires_at": time_of(tx)}
            if self._update_own(tx, claim, CallState.CLAIMED, **over):
                record_event(tx, claim.id, "unknown", why=why)
                recover(tx, claim.party)

    def record_overdue(self, call_id: str) -> None:
        """Record that a call's completion did not come in time; it completes the call still when it comes."""
        with self._database.write() as tx:
            rows = tx.scalars(
                sa.update(schema.call)
                .where(_call.call_id == call_id, _call.state == CallState.QUEUED, self._is_mine)
                .values(state=CallState.OVERDUE)
                .returning(schema.call.c.id)
            ).all()
            for row_id in rows:
                record_event(tx, row_id, "overdue")

    def record_conflict(self, ref: str, reason: str, **detail: str) -> None:
        """Record that another call was not placed because it conflicts with this one.

        :param reason: of the conflict.
        :param detail: without numbers or words.
        """
        with self._database.write() as tx:
            row_id = tx.execute(sa.select(_call.id).where(_call.ref == ref, self._is_mine)).scalar_one()
            record_event(tx, row_id, "conflict", rule=reason, **detail)

    def settled(self, refs: Collection[str]) -> set[str]:
        """Look which of some calls are neither being placed nor unknown any more.

        Claims among them whose owner is gone expire, and are settled if their completion has come.
        """
        columns = schema.call.c
        query = sa.select(columns.ref, columns.state, columns.claim_expires_at)
        query = query.where(columns.ref.in_(refs), self._is_mine)
        with self._database.read() as tx:
            calls = tx.execute(query).all()
            now = time_of(tx)
        for call in calls:
            if call.state == CallState.CLAIMED and call.claim_expires_at < now:
                self.expire(call.ref)
        return {call.ref for call in calls if call.state not in {CallState.CLAIMED, CallState.UNKNOWN}}

    def expire(self, ref: str) -> None:
        """Let a claim expire if it is older than a POST may take; if its completion has come, settle it."""
        with self._database.write() as tx:
            row_id = tx.execute(sa.select(_call.id).where(_call.ref == ref, self._is_mine)).scalar_one()
            party = party_of_call(tx, row_id)
            lock_party(tx, party)
            recover(tx, party)

    def _let_go(self, tx: sa.Connection, claim: Claim, only: CallState | None = None, **values: Any) -> bool:
        """End a claim under which nobody was called: it counts against no limit."""
        ended = self._update_own(tx, claim, only, **values)
        if ended:
            refund(tx, [claim.id])
        return ended

    @staticmethod
    def _update_own(tx: sa.Connection, claim: Claim, only: CallState | None = None, **values: Any) -> bool:
        condition = [schema.call.c.id == claim.id, schema.call.c.owner == claim.owner]
        if only is not None:
            condition.append(schema.call.c.state == only)
        return tx.execute(sa.update(schema.call).where(*condition).values(**values)).rowcount == 1


def _permit(now: datetime, met: object) -> Fence:
    until = now + PERMIT_LIFETIME
    return Fence(until, met.send_at, met.send_by) if isinstance(met, SendSlot) else Fence(until)
