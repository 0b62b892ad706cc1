"""How much of its limits a call list has used."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.guard.rate_budget import RateBudget
from airflow_provider_voiceinfra.store.guard.rules import Denial, Rule, Rules

_call = schema.call.c


class ListBudget(RateBudget):
    """What one list has used; see :class:`RateBudget`. It has no days: its minutes are those of all its calls."""

    def deny_minutes(self, rules: Rules, now: datetime, besides: int = 0) -> Denial | None:
        """Deny a call where the minutes of the list are used up.

        :param besides: estimated seconds that are the call's own.
        """
        limit = rules.list_max_minutes
        return None if limit is None else self._deny_minutes(Rule.LIST_MINUTES, limit, now, None, besides)

    def _talked_by(self, now: datetime) -> tuple[sa.ColumnElement[bool], ...]:  # noqa: ARG002 - has no days
        return (_call.list_id == self._name,)

    def _counted(self) -> tuple[sa.ColumnElement[bool], ...]:
        # By the index of calls in progress, not by that of all calls of lists.
        return (_call.list_id.concat("") == self._name,)
