"""The progress of call lists: counted now, or as their tasks have recorded it last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.lists.row_values import RowState

# The rate is that of the last minutes; that of a few seconds would mean nothing.
_RATE_OF = timedelta(minutes=10)
_list, _row = schema.call_list.c, schema.call_list_row.c


@dataclass(frozen=True, slots=True)
class ListProgress:
    """How far a list has come.

    :param states: its rows by state.
    :param results: rows that have ended, by result.
    :param reasons: rows that are set aside, by reason.
    :param rate: rows that end per minute; None if none has ended in the last minutes.
    """

    states: Counter[str]
    results: Counter[str]
    reasons: Counter[str]
    rate: float | None

    @property
    def left(self) -> int:
        """The rows that have not ended."""
        return self.states[RowState.PENDING] + self.states[RowState.OPEN]

    @property
    def done(self) -> int:
        """The rows that have ended."""
        return self.states[RowState.DONE]

    @property
    def rows(self) -> int:
        """All rows of the list: those that are set aside or dropped are not part of it."""
        return self.left + self.done

    def as_json(self) -> dict[str, Any]:
        """Return it as the list's row keeps it."""
        counts = {"states": self.states, "results": self.results, "reasons": self.reasons}
        return {**{name: dict(count) for name, count in counts.items()}, "rate": self.rate}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> ListProgress:
        """Read it as the list's row keeps it."""
        states, results, reasons = (Counter[str](kept[name]) for name in ("states", "results", "reasons"))
        return cls(states, results, reasons, kept["rate"])


class ListProgresses:
    """Counts how far lists have come, and records it for pages that show many lists.

    :param environment: the lists of others are not seen.
    """

    def __init__(self, database: Database, environment: str) -> None:
        self._database = database
        self._environment = environment

    def count(self, list_id: str) -> ListProgress:
        """Count the rows of a list."""
        states, results, reasons = Counter[str](), Counter[str](), Counter[str]()
        with self._database.read() as tx:
            for (state, result), count in count_rows(tx, self._environment, list_id).items():
                states[state] += count
                if state == RowState.DONE:
                    results[result] += count
                if state == RowState.SET_ASIDE:
                    reasons[result] += count
            return ListProgress(states, results, reasons, self._rate(tx, list_id))

    def record(self, list_id: str) -> ListProgress:
        """Count the rows of a list, and record the counts with it."""
        progress = self.count(list_id)
        with self._database.write() as tx:
            tx.execute(sa.update(schema.call_list).where(_list.id == list_id).values(progress=progress.as_json()))
        return progress

    def _rate(self, tx: sa.Connection, list_id: str) -> float | None:
        now = time_of(tx)
        created_at = tx.scalar(sa.select(_list.created_at).where(_list.id == list_id))
        since: datetime = max(now - _RATE_OF, created_at or now)
        query = sa.select(sa.func.count()).where(_row.list_id == list_id, _row.ended_at >= since)
        ended, minutes = tx.scalar(query) or 0, max((now - since).total_seconds() / 60, 1)
        return round(ended / minutes, 1) if ended else None


def count_rows(tx: sa.Connection, environment: str, list_id: str) -> Counter[tuple[RowState, str]]:
    """Count the rows of a list by state and result, if it is one of this environment."""
    mine = sa.select(_list.id).where(_list.id == list_id, _list.environment == environment)
    query = (
        sa.select(_row.state, _row.result, sa.func.count())
        .where(_row.list_id == mine.scalar_subquery())
        .group_by(_row.state, _row.result)
    )
    return Counter({(RowState(state), result or ""): count for state, result, count in tx.execute(query)})
