"""How much of its limits a call list has used."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.guard.rate_budget import IS_OPEN, OF_CONNECTION, RateBudget, sum_of
from airflow_provider_voiceinfra.store.guard.rules import Denial, Rule, Rules

_call = schema.call.c
_TALKED = sum_of(_call.duration_seconds, *OF_CONNECTION, _call.list_id == sa.bindparam("its_name"))
_ESTIMATED = sum_of(
    _call.estimated_seconds,
    *OF_CONNECTION,
    IS_OPEN,
    _call.deadline > sa.bindparam("now", type_=schema.UtcDateTime),
    # By the index of calls in progress, not by that of all calls of lists.
    _call.list_id.concat("") == sa.bindparam("its_name"),
)


class ListBudget(RateBudget):
    """What one list has used; see :class:`RateBudget`. It has no days: its minutes are those of all its calls."""

    def deny_minutes(self, rules: Rules, now: datetime, besides: int = 0) -> Denial | None:
        """Deny a call where the minutes of the list are used up.

        :param besides: estimated seconds that are the call's own.
        """
        limit = rules.list_max_minutes
        return None if limit is None else self._deny_minutes(Rule.LIST_MINUTES, limit, now, None, besides)

    def _sum_talked(self, now: datetime) -> int:  # noqa: ARG002 - has no days
        return self._ask(_TALKED)

    def _sum_estimated(self, now: datetime) -> int:
        return self._ask(_ESTIMATED, now=now)
