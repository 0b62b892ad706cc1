"""The guard: every dial is checked by it, in the transaction that claims the call and in the one before the POST."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import tables
from airflow_provider_voiceinfra.store.budget import Budget
from airflow_provider_voiceinfra.store.do_not_call import DoNotCall, hash_number
from airflow_provider_voiceinfra.store.holders import hash_key
from airflow_provider_voiceinfra.store.holds import Scope, find_hold
from airflow_provider_voiceinfra.store.locks import lock
from airflow_provider_voiceinfra.store.records import RANG, CallState, NewCall
from airflow_provider_voiceinfra.store.rules import Refusal, Rule, Rules

_call = tables.call.c


class Guard:
    """Says whether a call may be dialled. What refuses for good is asked first, what only delays after it.

    :param environment: whose holds and calls count.
    """

    def __init__(self, environment: str, do_not_call: DoNotCall) -> None:
        self._environment = environment
        self._do_not_call = do_not_call

    def check(self, tx: sa.Connection, new: NewCall, rules: Rules, now: datetime) -> Refusal | str | None:
        """Check a call that is to be claimed, and count it against its connection's limits.

        :return: what refuses it; or the day on which it is counted, where days are counted.
        """
        refusal = self.check_again(tx, new, rules, now) or _cancelled(tx, new)
        refusal = refusal or self._called_recently(tx, new, rules, now)
        if refusal is not None:
            return refusal
        counted = Budget(tx, self._environment, new.conn_id).count(rules, now)
        return _too_late(counted, rules) if isinstance(counted, Refusal) else counted

    def check_again(self, tx: sa.Connection, new: NewCall, rules: Rules, now: datetime) -> Refusal | None:
        """Check what may have changed since a call was claimed: right before each POST."""
        if rules.not_after is not None and now >= rules.not_after:
            return Refusal(Rule.NOT_AFTER)
        if self._do_not_call.has(tx, new.to_number):
            return Refusal(Rule.DO_NOT_CALL)
        by_time = rules.by_time(now)
        if by_time is not None and by_time.until is None:
            return by_time
        held = self._held(tx, new, rules)
        return held or (None if by_time is None else _too_late(by_time, rules))

    def turn(
        self, tx: sa.Connection, new: NewCall, rules: Rules, now: datetime, length: timedelta
    ) -> datetime | Refusal | None:
        """Take a turn to send; see :meth:`~airflow_provider_voiceinfra.store.budget.Budget.turn`."""
        turn = Budget(tx, self._environment, new.conn_id).turn(rules, now, length)
        return _too_late(turn, rules) if isinstance(turn, Refusal) else turn

    def _held(self, tx: sa.Connection, new: NewCall, rules: Rules) -> Refusal | None:
        hold = find_hold(tx, self._environment, new)
        if hold is None:
            return None
        what = "everything" if hold.scope is Scope.ALL else f"{hold.scope} {hold.name}"
        return Refusal(
            Rule.HOLD, rules.not_after, hold_id=hold.id, facts={"what": what, "who": hold.held_by, "why": hold.why}
        )

    def _called_recently(self, tx: sa.Connection, new: NewCall, rules: Rules, now: datetime) -> Refusal | None:
        if rules.min_interval is None:
            return None
        lock(tx, "number", self._environment, new.to_number)
        others = (
            _call.claimed_at > now - rules.min_interval,
            # Not by an index of environments, which SQLite would take for the newest call of all.
            _call.environment.concat("") == self._environment,
            _call.state.in_(RANG),
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


def _cancelled(tx: sa.Connection, new: NewCall) -> Refusal | None:
    """Look whether a list's row was cancelled while a worker had it in its hands; no hold is released meanwhile."""
    if new.list_row is None:
        return None
    rows = tables.call_list_row.c
    result = tx.scalar(sa.select(rows.result).where(rows.id == new.list_row))
    return Refusal(Rule.CANCELLED) if result == CallState.CANCELLED else None


def _too_late(refusal: Refusal, rules: Rules) -> Refusal:
    """Do not wait for a time at which the call is of no use any more."""
    if rules.not_after is None or refusal.until is None or refusal.until < rules.not_after:
        return refusal
    return Refusal(Rule.NOT_AFTER, facts={"rule": refusal.rule})
