"""The guard: every dial is checked by it, in the transaction that claims the call and in the one before the POST."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import read_time, time_of
from airflow_provider_voiceinfra.store.guard.do_not_call import DoNotCall, hash_number
from airflow_provider_voiceinfra.store.guard.pauses import Scope, find_pauses
from airflow_provider_voiceinfra.store.guard.rate_budget import RateBudget, SendSlot, reserve_slot
from airflow_provider_voiceinfra.store.guard.rules import Asked, Refusal, Rule, Rules
from airflow_provider_voiceinfra.store.hashing import hash_key
from airflow_provider_voiceinfra.store.locks import lock_all
from airflow_provider_voiceinfra.store.models import MAY_HAVE_RUNG, CallState, NewCall, Realm

_call = schema.call.c


class Guard:
    """Says whether calls may be dialled. What refuses for good is asked first, what only delays after it.

    :param environment: whose pauses and calls count.
    """

    def __init__(self, environment: str, do_not_call: DoNotCall) -> None:
        self._environment = environment
        self._do_not_call = do_not_call

    def look(self, tx: sa.Connection, asked: Sequence[Asked]) -> Look:
        """Read at once what is to be known of some calls; no pause begins before the transaction ends."""
        return Look(tx, self._environment, self._do_not_call, asked)


class Look:
    """What the guard knows of some calls, in one transaction."""

    def __init__(self, tx: sa.Connection, environment: str, do_not_call: DoNotCall, asked: Sequence[Asked]) -> None:
        self._tx = tx
        self._environment = environment
        self._asked = asked
        self._held = find_pauses(tx, environment) if asked else []
        self._listed = do_not_call.among(tx, {each.new.to_number for each in asked})
        self._budgets: dict[tuple[Realm, str], RateBudget] = {}

    @property
    def now(self) -> datetime:
        """The time that calls are checked by: read after the locks that were taken last."""
        return time_of(self._tx)

    def check(self, new: NewCall, rules: Rules) -> Refusal | str | None:
        """Check a call that is to be claimed, and count it against its connection's limits.

        :return: what refuses it; or the day on which it is counted, where days are counted.
        """
        refusal = self.check_again(new, rules)
        if refusal is None and new.list_row in self._cancelled:
            refusal = Refusal(Rule.CANCELLED)
        refusal = refusal or self._called_recently(new, rules)
        if refusal is not None:
            return refusal
        if rules.max_calls_per_day is None and rules.max_in_flight is None:
            return None
        budget = self._budget(new, new.conn_id)
        # What time forbids is checked again: the budget may have been waited for.
        counted = self.check_again(new, rules) or budget.count(rules, self.now)
        return _too_late(counted, rules) if isinstance(counted, Refusal) else counted

    def check_again(self, new: NewCall, rules: Rules) -> Refusal | None:
        """Check what may have changed since a call was claimed: right before each POST."""
        now = self.now
        if rules.not_after is not None and now >= rules.not_after:
            return Refusal(Rule.NOT_AFTER)
        if new.to_number in self._listed:
            return Refusal(Rule.DO_NOT_CALL)
        by_time = rules.by_time(now)
        if by_time is not None and by_time.until is None:
            return by_time
        held = self._paused(new, rules)
        return held or (None if by_time is None else _too_late(by_time, rules))

    def reserve_slot(self, new: NewCall, rules: Rules) -> SendSlot | Refusal | None:
        """Reserve a send slot by the rates of the connection and the list; None where there is no rate."""
        rates = {new.conn_id: rules.calls_per_second, new.list_id: rules.list_calls_per_second}
        paced = [(self._budget(new, name), rate) for name, rate in rates.items() if name is not None and rate]
        if not paced:
            return None
        slot = self.check_again(new, rules) or reserve_slot(paced, self.now)
        return _too_late(slot, rules) if isinstance(slot, Refusal) else slot

    def write(self) -> None:
        """Write what was counted. To be called last: whoever counts holds rows that many share."""
        for budget in self._budgets.values():
            budget.write()

    def lock_numbers(self) -> None:
        """Let nobody else call those to whom there must be an interval."""
        to_lock = {(each.new.realm, each.new.to_number) for each in self._asked if each.rules.min_interval is not None}
        if to_lock:
            lock_all(self._tx, (("number", self._environment, *number) for number in to_lock))

    def _budget(self, new: NewCall, name: str) -> RateBudget:
        which = (new.realm, name)
        if which not in self._budgets:
            self._budgets[which] = RateBudget(self._tx, self._environment, *which, self.now)
            read_time(self._tx)
        return self._budgets[which]

    @cached_property
    def _cancelled(self) -> set[int | None]:
        """Rows of lists that were cancelled while a worker had them in its hands; no pause ends meanwhile."""
        rows, ids = schema.call_list_row.c, [each.new.list_row for each in self._asked if each.new.list_row]
        if not ids:
            return set()
        return set(self._tx.scalars(sa.select(rows.id).where(rows.id.in_(ids), rows.result == CallState.CANCELLED)))

    def _paused(self, new: NewCall, rules: Rules) -> Refusal | None:
        pause = next((each for each in self._held if each.stops(new)), None)
        if pause is None:
            return None
        what = "everything" if pause.scope is Scope.ALL else f"{pause.scope} {pause.name}"
        return Refusal(
            Rule.PAUSED,
            rules.not_after,
            pause_id=pause.id,
            facts={"what": what, "who": pause.paused_by, "why": pause.why},
        )

    def _called_recently(self, new: NewCall, rules: Rules) -> Refusal | None:
        if rules.min_interval is None:
            return None
        tx = self._tx
        others = (
            _call.claimed_at > self.now - rules.min_interval,
            # Not by an index of environments, which SQLite would take for the newest call of all.
            _call.environment.concat("") == self._environment,
            _call.realm == new.realm,
            _call.state.in_(MAY_HAVE_RUNG),
            _call.base_key_hash != hash_key(new.base_key),
        )
        hers = _call.to_number == new.to_number
        purged = sa.and_(_call.number_hash.is_not(None), _call.number_hash == hash_number(tx, new.to_number))
        # One by one, each by its index.
        found = [tx.scalar(sa.select(sa.func.max(_call.claimed_at)).where(which, *others)) for which in (hers, purged)]
        last = max(filter(None, found), default=None)
        if last is None:
            return None
        facts = {"last": f"{last:%Y-%m-%d %H:%M} UTC", "limit": str(rules.min_interval)}
        return Refusal(Rule.MIN_INTERVAL, facts=facts)


def _too_late(refusal: Refusal, rules: Rules) -> Refusal:
    """Do not wait for a time at which the call is of no use any more."""
    if rules.not_after is None or refusal.until is None or refusal.until < rules.not_after:
        return refusal
    return Refusal(Rule.NOT_AFTER, facts={"rule": refusal.rule})
