"""Retries of a waiting task share one deadline; a clear starts a new one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_voiceinfra.store.models import Source
from airflow_provider_voiceinfra.store.watch.deadlines import Deadlines
from tests.support.race import in_threads

TASK = Source("dag", "run", "task", map_index=2, generation=0)
HOUR = timedelta(hours=1)


def test_the_deadline_counts_from_the_first_time(store):
    before = datetime.now(UTC)
    assert before + HOUR <= Deadlines(store).of_task(TASK, HOUR) <= datetime.now(UTC) + HOUR


def test_retries_share_it(store, open_store):
    first = Deadlines(store).of_task(TASK, HOUR)
    assert Deadlines(open_store()).of_task(TASK, 3 * HOUR) == first


@pytest.mark.parametrize(
    "change", [{"generation": 1}, {"map_index": 3}, {"task_id": "b"}, {"run_id": "b"}, {"dag_id": "b"}], ids=str
)
def test_a_clear_and_every_other_task_have_their_own(store, change):
    first = Deadlines(store).of_task(TASK, HOUR)
    assert Deadlines(store).of_task(replace(TASK, **change), 3 * HOUR) > first
    assert Deadlines(store).of_task(TASK, 3 * HOUR) == first


def test_environments_have_their_own(store, open_store):
    assert Deadlines(open_store(environment="staging")).of_task(TASK, 3 * HOUR) > Deadlines(store).of_task(TASK, HOUR)


def test_who_asks_at_once_is_told_the_same(store):
    assert len(set(in_threads(*[lambda: Deadlines(store).of_task(TASK, HOUR)] * 6))) == 1


def test_what_is_no_task_can_wait_too(store):
    assert Deadlines(store).of_task(Source(), HOUR) == Deadlines(store).of_task(Source(), 2 * HOUR)
