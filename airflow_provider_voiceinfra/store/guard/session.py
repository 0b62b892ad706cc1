"""The guard: each call is checked by it, in the transaction that claims it and in the one before the POST."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.guard.claim_request import ClaimRequest
from airflow_provider_voiceinfra.store.guard.do_not_call import DoNotCall
from airflow_provider_voiceinfra.store.guard.newest_calls import NewestCalls
from airflow_provider_voiceinfra.store.guard.pauses import Scope, find_pauses
from airflow_provider_voiceinfra.store.guard.rules import Denial, Rule, Rules, SendSlot, Verdict
from airflow_provider_voiceinfra.store.guard.shared_budgets import SharedBudgets
from airflow_provider_voiceinfra.store.locks import lock_all


class Guard:
    """Decides whether calls may be placed.

    :param environment: whose pauses and calls count.
    """

    def __init__(self, environment: str, do_not_call: DoNotCall) -> None:
        self._environment = environment
        self._do_not_call = do_not_call

    def open_session(self, tx: sa.Connection, requests: Sequence[ClaimRequest]) -> GuardSession:
        """Read at once what the guard needs to know of some calls; no pause begins before the transaction ends."""
        return GuardSession(tx, self._environment, self._do_not_call, requests)


class GuardSession:
    """Checks calls in one transaction. What blocks them is asked first, what only defers them after it."""

    def __init__(
        self, tx: sa.Connection, environment: str, do_not_call: DoNotCall, requests: Sequence[ClaimRequest]
    ) -> None:
        self._tx = tx
        self._environment = environment
        self._requests = requests
        self._pauses = find_pauses(tx, environment) if requests else []
        self._listed = do_not_call.among(tx, {request.to_number for request in requests})
        others = {number for request in requests for number in request.other_numbers}
        self._opted_out = do_not_call.opted_out(tx, others)
        self._budgets = SharedBudgets(tx, environment)
        self._newest_calls = NewestCalls(tx, environment, requests)

    @property
    def now(self) -> datetime:
        """The time that calls are checked by: read after the locks that were taken last."""
        return time_of(self._tx)

    def check(self, request: ClaimRequest) -> Verdict:
        """Check a call that is to be claimed, and count it against the limits of its connection and its list."""
        denial = self.check_again(request) or self._check_caps(request)
        if denial is not None:
            return Verdict(denial)
        if not self._budgets.lock_for_claim(request):
            return Verdict()
        # What time forbids is checked again: the budgets may have been waited for.
        denial = self.check_again(request)
        return (
            Verdict(denial) if denial is not None else _in_time(self._budgets.count(request, self.now), request.rules)
        )

    def check_again(self, request: ClaimRequest) -> Denial | None:
        """Check what may have changed since a call was claimed: right before each POST."""
        now, rules = self.now, request.rules
        if rules.not_after is not None and now >= rules.not_after:
            return Denial(Rule.NOT_AFTER)
        if request.to_number in self._listed or not self._opted_out.isdisjoint(request.other_numbers):
            return Denial(Rule.DO_NOT_CALL)
        if request.list_row in self._cancelled:
            return Denial(Rule.CANCELLED)
        by_time = rules.by_time(now)
        if by_time is not None and by_time.until is None:
            return by_time
        return self._check_pauses(request) or (by_time and _denial_in_time(by_time, rules))

    def check_budgets(self, request: ClaimRequest, estimated_seconds: int, reserved: SendSlot | None) -> Verdict:
        """Check the minutes of a claimed call again, and reserve a send slot where there is a rate.

        :param estimated_seconds: that the call itself may talk.
        :param reserved: the slot that it has already.
        """
        needs_slot = reserved is None and request.rules.is_paced
        if not self._budgets.lock_for_permit(request, needs_slot=needs_slot):
            return Verdict(slot=reserved)
        denial = self.check_again(request)
        if denial is not None:
            return Verdict(denial)
        denial = self._budgets.deny_minutes(request, self.now, estimated_seconds)
        if denial is not None:
            return Verdict(_denial_in_time(denial, request.rules))
        if not needs_slot:
            return Verdict(slot=reserved)
        return _in_time(self._budgets.reserve_slot(request, self.now), request.rules)

    def write(self) -> None:
        """Write what was counted. To be called last: it locks rows that many share."""
        self._budgets.write()

    def lock_numbers(self) -> None:
        """Let nobody else claim calls to those numbers whose calls are capped."""
        to_lock = {(each.realm, each.to_number) for each in self._requests if each.rules.caps}
        if to_lock:
            lock_all(self._tx, (("number", self._environment, *number) for number in to_lock))

    @cached_property
    def _cancelled(self) -> set[int | None]:
        """Rows that must not be dialled, because their lists were cancelled; no pause ends meanwhile."""
        rows, ids = schema.call_list_row.c, [each.list_row for each in self._requests if each.list_row]
        if not ids:
            return set()
        return set(self._tx.scalars(sa.select(rows.id).where(rows.id.in_(ids), rows.cancelled.is_(True))))

    def _check_pauses(self, request: ClaimRequest) -> Denial | None:
        pause = next((each for each in self._pauses if each.stops(request)), None)
        if pause is None:
            return None
        what = "everything" if pause.scope is Scope.ALL else f"{pause.scope} {pause.name}"
        facts = {"what": what, "who": pause.paused_by, "reason": pause.reason}
        until = min(filter(None, (request.rules.not_after, pause.ends_at)), default=None)
        return Denial(Rule.PAUSED, until, pause_id=pause.id, facts=facts)

    def _check_caps(self, request: ClaimRequest) -> Denial | None:
        """Defer a call until each cap of its number allows it."""
        caps = request.rules.caps
        if not caps:
            return None
        claimed = self._newest_calls.of(request)
        until = {cap: claimed[cap.calls - 1] + cap.within for cap in caps if len(claimed) >= cap.calls}
        met = max(until, key=lambda cap: until[cap], default=None)
        if met is None or until[met] <= self.now:
            return None
        facts = {"calls": str(met.calls), "within": str(met.within)}
        return _denial_in_time(Denial(Rule.PER_NUMBER, until[met], facts=facts), request.rules)


def _in_time(verdict: Verdict, rules: Rules) -> Verdict:
    return verdict if verdict.denial is None else Verdict(_denial_in_time(verdict.denial, rules))


def _denial_in_time(denial: Denial, rules: Rules) -> Denial:
    """Do not defer a call to a time at which it has expired."""
    if rules.not_after is None or denial.until is None or denial.until < rules.not_after:
        return denial
    return Denial(Rule.NOT_AFTER, facts={"rule": denial.rule})
