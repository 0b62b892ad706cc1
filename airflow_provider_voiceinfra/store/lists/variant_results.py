"""How the calls of a list's variants have ended."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.lists.row_values import RowState
from airflow_provider_voiceinfra.store.minute_cache import MinuteCache
from airflow_provider_voiceinfra.store.models import ANSWERED, CallState, Goal

_row, _call = schema.call_list_row.c, schema.call.c
_CALLED = (CallState.COMPLETED, CallState.REJECTED, CallState.OVERDUE, CallState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class VariantResult:
    """How the rows of a variant have ended.

    :param called: rows that were called and have ended.
    :param answered: of these, rows whose last call was answered.
    :param goal_met: of these, rows whose last call has met its goal; None if no goal was read.
    """

    name: str
    called: int
    answered: int
    goal_met: int | None

    @property
    def answer_rate(self) -> float:
        """The fraction of the called rows that were answered."""
        return self.answered / self.called

    @property
    def goal_rate(self) -> float | None:
        """The fraction of the called rows that met their goal; None if no goal was read."""
        return None if self.goal_met is None else self.goal_met / self.called

    def summary(self) -> dict[str, int | float]:
        """Return it as plain JSON."""
        summary = {"called": self.called, "answered": self.answered, "answer_rate": round(self.answer_rate, 4)}
        if self.goal_met is None or self.goal_rate is None:
            return summary
        return summary | {"goal_met": self.goal_met, "goal_rate": round(self.goal_rate, 4)}


class VariantResults:
    """Counts how the rows of a list's variants have ended.

    :param environment: the lists of others are not seen.
    """

    def __init__(self, database: Database, environment: str) -> None:
        self._database = database
        self._environment = environment
        self._recent = MinuteCache[str, list[VariantResult]]()

    def recent(self, list_id: str) -> list[VariantResult]:
        """Return the same as :meth:`of`, at most a minute old: it reads the call of each row."""
        return self._recent.get(list_id, lambda: self.of(list_id))

    def of(self, list_id: str) -> list[VariantResult]:
        """Return the results of each variant, by name; rows that the list has not called do not count."""
        query = (
            sa.select(
                _call.variant,
                sa.func.count(),
                sa.func.count().filter(_call.outcome == ANSWERED),
                sa.func.count().filter(_call.goal == Goal.MET),
                sa.func.count(_call.goal),
            )
            .join_from(schema.call_list_row, schema.call, _call.ref == _row.call_ref)
            .where(_row.list_id == list_id, _row.state == RowState.DONE)
            .where(_call.list_id == list_id, _call.environment == self._environment)
            .where(_call.state.in_(_CALLED), _call.variant.is_not(None))
            .group_by(_call.variant)
            .order_by(_call.variant)
        )
        has_variants = sa.exists().where(_call.list_id == list_id, _call.variant.is_not(None))
        with self._database.read() as tx:
            # Most lists have none, and pages are refreshed often.
            rows = tx.execute(query).all() if tx.scalar(sa.select(has_variants)) else []
        has_goal = any(read for *_, read in rows)
        return [
            VariantResult(name, called, answered, met if has_goal else None) for name, called, answered, met, _ in rows
        ]
