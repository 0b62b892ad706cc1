"""A list of which very many rows are due at one moment, as when calling hours open, is read a few at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.lists.row_values import RowState, RowStep
from tests.benchmarks.calls_page.history import analyze
from tests.support.list_samples import TASK, row


@pytest.fixture
def kind():
    # SQLite's indexes end with the row's id anyway.
    return "postgresql"


def plan_of(store, read):
    """Give PostgreSQL's plan of the last query of a reading."""
    asked = []

    def note(_connection, _cursor, statement, parameters, *_):
        asked.append((statement, parameters))

    sa.event.listen(store.database.engine, "before_cursor_execute", note)
    read()
    statement, parameters = asked[-1]
    with store.database.read() as tx:
        return "\n".join(tx.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars())


def test_the_next_few_are_read_without_looking_at_all_that_are_due(store):
    list_id = store.lists.open(TASK)
    store.lists.add(list_id, [row(number) for number in range(1, 2_001)], store.lists.begin_import(list_id))
    with store.database.write() as tx:
        tx.execute(sa.update(schema.call_list_row).values(due_at=datetime.now(UTC)))
    analyze(store)
    plan = plan_of(store, lambda: store.list_rows.due(list_id, datetime.now(UTC), 10))
    assert "Index" in plan
    assert "Sort" not in plan


def test_nor_at_those_of_a_higher_priority_that_wait(store):
    list_id, tomorrow = store.lists.open(TASK), datetime.now(UTC) + timedelta(days=1)
    rows = [replace(row(number), priority=number % 100) for number in range(1, 4_001)]
    store.lists.add(list_id, rows, store.lists.begin_import(list_id))
    waiting = store.list_rows.due(list_id, tomorrow, 2_000, by_priority=True)
    store.list_rows.record_steps([RowStep(each.id, each.import_version, tomorrow) for each in waiting])
    analyze(store)
    plan = plan_of(store, lambda: store.list_rows.due(list_id, datetime.now(UTC), 10, by_priority=True))
    assert "ix_voiceinfra_call_list_row_due_priority" in plan
    assert "Sort" not in plan


def test_rows_of_a_result_are_paged_without_looking_at_the_others(store):
    list_id = store.lists.open(TASK)
    store.lists.add(list_id, [row(number) for number in range(1, 2_001)], store.lists.begin_import(list_id))
    store.list_rows.give_up(list_id)
    analyze(store)
    plan = plan_of(store, lambda: store.row_pages.page(list_id, RowState.DONE, result="voicemail"))
    assert "result" in plan.partition("Index Cond")[2].partition("\n")[0]
    assert "Sort" not in plan
