"""How long the overview's one query takes where nothing is cached, and how each database runs it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.operations.overview import ALL_CALLS, Overview, OverviewFilter
from tests.benchmarks.findings import found
from tests.benchmarks.guard.history import DAYS

BAR_S = 1.0
_TRIES = 5
PERIODS = {"a day": 1, "a week": 7, "31 days": 31, "all calls, as if they were of one period": DAYS + 1}
MOST = frozenset(f"dag_{number}" for number in range(19))
VISITORS = {
    "all": (None, ALL_CALLS),
    "most": (MOST, ALL_CALLS),
    "dag": (None, OverviewFilter(dag_id="dag_1")),
    "list": (MOST, OverviewFilter(agent_id="agent_1", list_id="vl_45")),
}
"""What a visitor may see, and how they filter it."""


def measure(kind: str, store: CallStore, calls: int) -> bool:
    """Measure each period, for visitors who see all DAGs or most of them, with and without a filter.

    :return: whether all are within the bar.
    """
    print(f"| {'overview, not cached':<44} | who  | median s | longest s |\n|---|---|---|---|")
    slowest, name = 0.0, ""
    for period, days in PERIODS.items():
        for who, (dag_ids, wanted) in VISITORS.items():
            spent = [_read(store, days, dag_ids, wanted) for _ in range(_TRIES)]
            slowest, name = max((slowest, name), (max(spent), period))
            print(f"| {period:<44} | {who:<4} | {statistics.median(spent):8.3f} | {max(spent):9.3f} |", flush=True)
    with _statements(store) as statements:
        _read(store, 31, *VISITORS["list"])
    print(f"\n{_plan(store, *statements[-1])}\n", flush=True)
    what = f"the overview of {calls:,} calls, not cached, {kind}: {name}"
    return found(what, slowest, "s, longest", bar=f"≤ {BAR_S:g} s", holds=slowest <= BAR_S)


def _read(store: CallStore, days: int, dag_ids: frozenset[str] | None, wanted: OverviewFilter) -> float:
    since = datetime.now(UTC) - timedelta(days=days)
    begun = time.perf_counter()
    counts = Overview(store.database, store.environment).hours(since, dag_ids, wanted).counts
    spent = time.perf_counter() - begun
    assert counts or wanted.list_id
    return spent


@contextmanager
def _statements(store: CallStore) -> Iterator[list[tuple[str, Any]]]:
    """Take down what is sent to the database."""
    sent: list[tuple[str, Any]] = []

    def take_down(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if "start_hour" in statement:
            sent.append((statement, parameters))

    engine = store.database.engine
    sa.event.listen(engine, "before_cursor_execute", take_down)
    yield sent
    sa.event.remove(engine, "before_cursor_execute", take_down)


def _plan(store: CallStore, statement: str, parameters: Any) -> str:
    explain = "EXPLAIN QUERY PLAN" if store.database.is_sqlite else "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF)"
    with store.database.read() as tx:
        rows = tx.exec_driver_sql(f"{explain} {statement}", parameters).all()
    return "\n".join(str(row[-1]) for row in rows)
