"""The guard: each call is checked by it, in the transaction that claims it and in the one before the POST."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import read_time, time_of
from airflow_provider_voiceinfra.store.guard.claim_request import ClaimRequest
from airflow_provider_voiceinfra.store.guard.do_not_call import DoNotCall, hash_number
from airflow_provider_voiceinfra.store.guard.pauses import Scope, find_pauses
from airflow_provider_voiceinfra.store.guard.rate_budget import RateBudget, reserve_slot
from airflow_provider_voiceinfra.store.guard.rules import Denial, Rule, Rules, Verdict
from airflow_provider_voiceinfra.store.locks import lock_all
from airflow_provider_voiceinfra.store.models import MAY_HAVE_RUNG, CallState, Realm

_call = schema.call.c


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
        self._budgets: dict[tuple[Realm, str], RateBudget] = {}

    @property
    def now(self) -> datetime:
        """The time that calls are checked by: read after the locks that were taken last."""
        return time_of(self._tx)

    def check(self, request: ClaimRequest) -> Verdict:
        """Check a call that is to be claimed, and count it against its connection's limits."""
        rules = request.rules
        denial = self.check_again(request) or self._check_cancelled(request) or self._check_caps(request)
        if denial is not None:
            return Verdict(denial)
        if rules.max_calls_per_day is None and rules.max_in_flight is None:
            return Verdict()
        budget = self._budget(request, request.conn_id)
        # What time forbids is checked again: the budget may have been waited for.
        denial = self.check_again(request)
        return Verdict(denial) if denial is not None else _in_time(budget.count(rules, self.now), rules)

    def check_again(self, request: ClaimRequest) -> Denial | None:
        """Check what may have changed since a call was claimed: right before each POST."""
        now, rules = self.now, request.rules
        if rules.not_after is not None and now >= rules.not_after:
            return Denial(Rule.NOT_AFTER)
        if request.to_number in self._listed:
            return Denial(Rule.DO_NOT_CALL)
        by_time = rules.by_time(now)
        if by_time is not None and by_time.until is None:
            return by_time
        return self._check_pauses(request) or (by_time and _denial_in_time(by_time, rules))

    def reserve_slot(self, request: ClaimRequest) -> Verdict:
        """Reserve a send slot by the rates of the connection and the list, where there are any."""
        rules = request.rules
        rates = {request.conn_id: rules.calls_per_second, request.list_id: rules.list_calls_per_second}
        paced = [(self._budget(request, name), rate) for name, rate in rates.items() if name is not None and rate]
        if not paced:
            return Verdict()
        denial = self.check_again(request)
        return Verdict(denial) if denial is not None else _in_time(reserve_slot(paced, self.now), rules)

    def write(self) -> None:
        """Write what was counted. To be called last: it locks rows that many share."""
        for budget in self._budgets.values():
            budget.write()

    def lock_numbers(self) -> None:
        """Let nobody else claim calls to those numbers whose calls are capped."""
        to_lock = {(each.realm, each.to_number) for each in self._requests if each.rules.caps}
        if to_lock:
            lock_all(self._tx, (("number", self._environment, *number) for number in to_lock))

    def _budget(self, request: ClaimRequest, name: str) -> RateBudget:
        which = (request.realm, name)
        if which not in self._budgets:
            self._budgets[which] = RateBudget(self._tx, self._environment, *which, self.now)
            read_time(self._tx)
        return self._budgets[which]

    @cached_property
    def _cancelled(self) -> set[int | None]:
        """Rows of lists that were cancelled while a worker was about to claim them; no pause ends meanwhile."""
        rows, ids = schema.call_list_row.c, [each.list_row for each in self._requests if each.list_row]
        if not ids:
            return set()
        return set(self._tx.scalars(sa.select(rows.id).where(rows.id.in_(ids), rows.result == CallState.CANCELLED)))

    def _check_cancelled(self, request: ClaimRequest) -> Denial | None:
        return Denial(Rule.CANCELLED) if request.list_row in self._cancelled else None

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
        claimed = self._newest_calls(request, max(cap.calls for cap in caps), max(cap.within for cap in caps))
        until = {cap: claimed[cap.calls - 1] + cap.within for cap in caps if len(claimed) >= cap.calls}
        met = max(until, key=lambda cap: until[cap], default=None)
        if met is None or until[met] <= self.now:
            return None
        facts = {"calls": str(met.calls), "within": str(met.within)}
        return _denial_in_time(Denial(Rule.PER_NUMBER, until[met], facts=facts), request.rules)

    def _newest_calls(self, request: ClaimRequest, most: int, within: timedelta) -> list[datetime]:
        """Give when the newest calls to a number were claimed, newest first."""
        others = (
            _call.claimed_at > self.now - within,
            # Not by an index of environments, which SQLite would take for the newest call of all.
            _call.environment.concat("") == self._environment,
            _call.realm == request.realm,
            _call.state.in_(MAY_HAVE_RUNG),
        )
        same_number = _call.to_number == request.to_number
        purged = sa.and_(_call.number_hash.is_not(None), _call.number_hash == hash_number(self._tx, request.to_number))
        found: list[datetime] = []
        # One by one, each by its index.
        for at in (same_number, purged):
            newest = sa.select(_call.claimed_at).where(at, *others).order_by(_call.claimed_at.desc()).limit(most)
            found += self._tx.scalars(newest)
        return sorted(found, reverse=True)


def _in_time(verdict: Verdict, rules: Rules) -> Verdict:
    return verdict if verdict.denial is None else Verdict(_denial_in_time(verdict.denial, rules))


def _denial_in_time(denial: Denial, rules: Rules) -> Denial:
    """Do not defer a call to a time at which it has expired."""
    if rules.not_after is None or denial.until is None or denial.until < rules.not_after:
        return denial
    return Denial(Rule.NOT_AFTER, facts={"rule": denial.rule})
