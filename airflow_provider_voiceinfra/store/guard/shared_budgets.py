"""The budgets that calls are counted against together, in one transaction."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from airflow_provider_voiceinfra.store.clock import read_time, time_of
from airflow_provider_voiceinfra.store.guard.claim_request import ClaimRequest
from airflow_provider_voiceinfra.store.guard.connection_budget import ConnectionBudget
from airflow_provider_voiceinfra.store.guard.list_budget import ListBudget
from airflow_provider_voiceinfra.store.guard.rate_budget import RateBudget, reserve_slot
from airflow_provider_voiceinfra.store.guard.rules import Denial, Verdict
from airflow_provider_voiceinfra.store.guard.talk_time import estimate
from airflow_provider_voiceinfra.store.models import Realm


class SharedBudgets:
    """Locks the budgets that calls need, a connection's before a list's, and counts the calls.

    :param environment: of the calls.
    """

    def __init__(self, tx: sa.Connection, environment: str) -> None:
        self._tx = tx
        self._environment = environment
        self._connections: dict[tuple[Realm, str], ConnectionBudget] = {}
        self._lists: dict[tuple[Realm, str], ListBudget] = {}
        self._estimates: dict[tuple[Realm, str], int] = {}

    def lock_for_claim(self, request: ClaimRequest) -> bool:
        """Lock the budgets that a claim counts against; tells whether there are any."""
        rules = request.rules
        limits = (rules.max_calls_per_day, rules.max_in_flight, rules.max_minutes_per_day)
        return self._lock(
            request, connection=any(limit is not None for limit in limits), call_list=rules.list_max_minutes is not None
        )

    def lock_for_permit(self, request: ClaimRequest, *, needs_slot: bool) -> bool:
        """Lock the budgets that a send permit asks; tells whether there are any."""
        rules = request.rules
        return self._lock(
            request,
            connection=rules.max_minutes_per_day is not None or bool(needs_slot and rules.calls_per_second),
            call_list=rules.list_max_minutes is not None or bool(needs_slot and rules.list_calls_per_second),
        )

    def count(self, request: ClaimRequest, now: datetime) -> Verdict:
        """Count a call that is about to be claimed, unless it would exceed a limit."""
        rules, connection, call_list = request.rules, self._connection(request), self._list(request)
        denial = connection.denial(rules, now) if connection else None
        if denial is None and call_list:
            denial = call_list.deny_minutes(rules, now)
        if denial is not None:
            return Verdict(denial)
        seconds = self._estimate(request) if rules.limits_minutes else None
        counted_on = connection.count(rules, seconds or 0) if connection else None
        if call_list:
            call_list.reserve(seconds or 0)
        return Verdict(counted_on=counted_on, estimated_seconds=seconds)

    def deny_minutes(self, request: ClaimRequest, now: datetime, estimated_seconds: int) -> Denial | None:
        """Deny a call that is claimed where the others have used up the minutes since.

        :param estimated_seconds: its own.
        """
        for budget in (self._connection(request), self._list(request)):
            denial = budget.deny_minutes(request.rules, now, estimated_seconds) if budget else None
            if denial is not None:
                return denial
        return None

    def reserve_slot(self, request: ClaimRequest, now: datetime) -> Verdict:
        """Reserve a send slot by the rates of the connection and the list, where there are any."""
        rules = request.rules
        rates: list[tuple[RateBudget | None, float | None]] = [
            (self._connection(request), rules.calls_per_second),
            (self._list(request), rules.list_calls_per_second),
        ]
        paced = [(budget, rate) for budget, rate in rates if budget and rate]
        return reserve_slot(paced, now) if paced else Verdict()

    def write(self) -> None:
        """Write what was counted. To be called last: it locks rows that many share."""
        for budget in (*self._connections.values(), *self._lists.values()):
            budget.write()

    def _lock(self, request: ClaimRequest, *, connection: bool, call_list: bool) -> bool:
        tx, environment, realm = self._tx, self._environment, request.realm
        if connection and self._connection(request) is None:
            self._connections[realm, request.conn_id] = ConnectionBudget(
                tx, environment, realm, request.conn_id, request.rules.days_of, time_of(tx)
            )
            read_time(tx)
        if call_list and request.list_id is not None and self._list(request) is None:
            self._lists[realm, request.list_id] = ListBudget(
                tx, environment, realm, request.list_id, request.conn_id, time_of(tx)
            )
            read_time(tx)
        return connection or call_list

    def _connection(self, request: ClaimRequest) -> ConnectionBudget | None:
        return self._connections.get((request.realm, request.conn_id))

    def _list(self, request: ClaimRequest) -> ListBudget | None:
        return self._lists.get((request.realm, request.list_id or ""))

    def _estimate(self, request: ClaimRequest) -> int:
        which = (request.realm, request.agent_id)
        if which not in self._estimates:
            self._estimates[which] = estimate(self._tx, self._environment, *which)
        return self._estimates[which]
