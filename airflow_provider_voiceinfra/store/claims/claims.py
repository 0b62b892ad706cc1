"""Claims: the one place that decides whether a POST may be sent. Every step is one committed transaction."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.claims.answers import UNSETTLED, record_answers
from airflow_provider_voiceinfra.store.claims.claim_batch import ClaimBatch
from airflow_provider_voiceinfra.store.claims.conflicts import lock_intents
from airflow_provider_voiceinfra.store.claims.earlier import find_earlier
from airflow_provider_voiceinfra.store.claims.ownership import free_own, update_own
from airflow_provider_voiceinfra.store.claims.permits import grant_permits
from airflow_provider_voiceinfra.store.claims.recovery import lock_party, party_of_call, recover, recover_all
from airflow_provider_voiceinfra.store.claims.results import (
    Claim,
    ClaimResult,
    Forecast,
    PermitResult,
)
from airflow_provider_voiceinfra.store.claims.settling import lock_call_id
from airflow_provider_voiceinfra.store.clock import read_time, time_of
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.guard.claim_request import ClaimRequest
from airflow_provider_voiceinfra.store.guard.refunds import refund
from airflow_provider_voiceinfra.store.guard.rules import SendSlot
from airflow_provider_voiceinfra.store.guard.session import Guard, GuardSession
from airflow_provider_voiceinfra.store.history import record_event, record_events
from airflow_provider_voiceinfra.store.lists.list_rows import make_due
from airflow_provider_voiceinfra.store.lists.row_values import DueRow
from airflow_provider_voiceinfra.store.models import CallState

_call = schema.call.c


class Claims:
    """Takes claims, grants send permits, and records what VoiceInfra answered.

    :param database: the store's database.
    :param environment: keys of different environments never meet, and the calls of others are not touched. Only unknown
        calls to one number are settled across environments.
    :param guard: decides whether a call may be placed.
    """

    def __init__(self, database: Database, environment: str, guard: Guard) -> None:
        self._database = database
        self._environment = environment
        self._is_mine = _call.environment == environment
        self._guard = guard
        self._worker = secrets.token_hex(8)

    def take(self, request: ClaimRequest) -> ClaimResult:
        """Claim a call. Without a claim, nothing may be sent."""
        return self.take_all([request])[0]

    def take_all(self, requests: Sequence[ClaimRequest]) -> list[ClaimResult]:
        """Claim several calls in one transaction; see :meth:`take`.

        :param requests: no two of one key, one task without keys of its own, or one number.
        """
        with self._database.write() as tx:
            session, batch = self._open_session(tx, requests), ClaimBatch(tx, self._environment, self._worker)
            for request, earlier in find_earlier(tx, self._environment, requests):
                if earlier.conflict is not None:
                    batch.leave(earlier.conflict)
                elif earlier.denied is not None:
                    batch.leave_denied(request, earlier.denied)
                else:
                    verdict = session.check(request)
                    if verdict.denial is not None:
                        batch.deny(request, earlier.waiting, verdict.denial, session.now)
                    else:
                        batch.claim(request, earlier.waiting, verdict, session.now)
            results = batch.write()
            session.write()
        return results

    def dry_run(self, requests: Sequence[ClaimRequest]) -> list[Forecast]:
        """Forecast what would become of several calls now, and claim none; see :meth:`take_all`."""
        forecasts = []
        with self._database.write() as tx:
            session = self._open_session(tx, requests)
            for request, earlier in find_earlier(tx, self._environment, requests):
                if earlier.conflict is not None:
                    forecasts.append(Forecast(conflict=earlier.conflict))
                elif earlier.denied is not None:
                    forecasts.append(Forecast(state=earlier.denied.state))
                else:
                    forecasts.append(Forecast.of(session.check(request).denial))
            tx.rollback()
        return forecasts

    def _open_session(self, tx: sa.Connection, requests: Sequence[ClaimRequest]) -> GuardSession:
        lock_intents(tx, self._environment, requests)
        session = self._guard.open_session(tx, requests)
        session.lock_numbers()
        read_time(tx)
        return session

    def request_permit(self, claim: Claim, slot: SendSlot | None = None) -> PermitResult:
        """Ask for a send permit, right before a POST. Without one, nothing may be sent.

        :param slot: that is reserved already, where the permit before has ended.
        """
        reserved = {} if slot is None else {claim.id: slot}
        return self._record_and_permit([], [claim], reserved)[0]

    def record_and_permit(
        self, answers: Sequence[tuple[Claim, str]], claims: Sequence[Claim] = ()
    ) -> list[PermitResult]:
        """Record answers, and ask for send permits for other claims, in one transaction.

        :param answers: claims, each with its ``call_id``; see :meth:`record_queued`.
        :return: for each of the claims that ask.
        """
        return self._record_and_permit(answers, claims, {})

    def _record_and_permit(
        self, answers: Sequence[tuple[Claim, str]], claims: Sequence[Claim], reserved: Mapping[int, SendSlot]
    ) -> list[PermitResult]:
        with self._database.write() as tx:
            session = self._guard.open_session(tx, [claim.request for claim in claims])
            lock_party(tx, *(claim.party for claim, _ in answers), *(claim.party for claim in claims))
            lock_call_id(tx, *(call_id for _, call_id in answers))
            if answers:
                record_answers(tx, answers)
            results = grant_permits(tx, session, claims, reserved)
            session.write()
        return results

    def record_queued(self, claim: Claim, call_id: str) -> None:
        """Record VoiceInfra's answer, which outranks whatever the call was settled by in the meantime.

        Where the completion has come before it, the call is completed. Where another call was answered with the same
        ``call_id``, both are unknown.
        """
        self.record_and_permit([(claim, call_id)])

    def release(self, claim: Claim, reason: str) -> bool:
        """Release the key of a call: nothing was sent.

        :return: False if the claim is no longer ours; then it is left as it is.
        """
        return bool(self.release_all([(claim, None)], reason))

    def release_all(
        self, claims: Sequence[tuple[Claim, DueRow | None]], reason: str, due_at: datetime | None = None
    ) -> set[int]:
        """Release several keys in one transaction; see :meth:`release`.

        :param claims: each with its row, where it is a list's: the row is due again then.
        :param due_at: when the rows are due again; None for at once.
        :return: the ids of the claims that were still ours.
        """
        with self._database.write() as tx:
            lock_party(tx, *(claim.party for claim, _ in claims))
            free: dict[str, Any] = {"state": CallState.RELEASED, "key_active": False}
            released = [pair for pair in claims if update_own(tx, pair[0], CallState.CLAIMED, **free)]
            ids = {claim.id for claim, _ in released}
            refund(tx, ids)
            record_events(tx, "released", {claim_id: {"reason": reason} for claim_id in ids})
            recover_all(tx, {claim.party for claim, _ in released})
            make_due(tx, [row for _, row in released if row is not None], due_at or time_of(tx))
        return ids

    def record_rejected(self, claim: Claim, code: str, message: str) -> None:
        """Record that VoiceInfra rejected the call; its key is free for a corrected request."""
        with self._database.write() as tx:
            lock_party(tx, claim.party)
            answer: dict[str, Any] = {"state": CallState.REJECTED, "call_id": None, "key_active": False}
            answer |= {"error_code": code[:64], "error_message": message}
            if free_own(tx, claim, **UNSETTLED, **answer):
                record_event(tx, claim.id, "rejected", code=code)
                recover(tx, claim.party)

    def record_unknown(self, claim: Claim, reason: str) -> None:
        """Record that the call may have been placed; if its completion has come, that settles it."""
        with self._database.write() as tx:
            lock_party(tx, claim.party)
            # Its owner has given up: nothing is sent under this claim any more.
            over: dict[str, Any] = {"state": CallState.UNKNOWN, "claim_expires_at": time_of(tx), "worker": None}
            if update_own(tx, claim, CallState.CLAIMED, **over):
                record_event(tx, claim.id, "unknown", reason=reason)
                recover(tx, claim.party)

    def record_overdue(self, call_id: str) -> None:
        """Record that a call's completion did not come in time; it completes the call still when it comes."""
        with self._database.write() as tx:
            rows = tx.scalars(
                sa.update(schema.call)
                .where(_call.call_id == call_id, _call.state == CallState.QUEUED, self._is_mine)
                .values(state=CallState.OVERDUE)
                .returning(_call.id)
            ).all()
            record_events(tx, "overdue", {row_id: {} for row_id in rows})

    def record_conflict(self, ref: str, reason: str, **detail: str) -> None:
        """Record that another call was not placed because it conflicts with this one.

        :param reason: of the conflict.
        :param detail: without numbers or words.
        """
        with self._database.write() as tx:
            row_id = tx.execute(sa.select(_call.id).where(_call.ref == ref, self._is_mine)).scalar_one()
            record_event(tx, row_id, "conflict", rule=reason, **detail)

    def settled(self, refs: Collection[str]) -> set[str]:
        """Find which of some calls are no longer being placed or unknown.

        Claims among them whose owner is gone expire, and are settled if their completion has come.
        """
        query = sa.select(_call.ref, _call.state, _call.claim_expires_at).where(_call.ref.in_(refs), self._is_mine)
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
