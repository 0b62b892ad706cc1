"""A list whose calls all fail stops itself, and goes on when a person says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_voiceinfra.lists.circuit_breaker import CircuitBreaker
from airflow_provider_voiceinfra.lists.progress import Progress
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from airflow_provider_voiceinfra.store.lists.list_rows import NewRow
from airflow_provider_voiceinfra.store.models import Source
from tests.support.store_samples import deliver, queued

ROWS, LIMIT = 9, 3


@pytest.fixture
def list_id(store):
    """A list that is read and of which nobody was called."""
    list_id = store.lists.open(Source("dag", "run", "run", "call"))
    import_version = store.lists.begin_import(list_id)
    rows = [NewRow(number, None, f"+1415555010{number}", {}, {}) for number in range(1, ROWS + 1)]
    store.lists.add(list_id, rows, import_version)
    store.lists.finish_import(list_id, import_version, 0)
    return list_id


@pytest.fixture
def progress(store, list_id):
    return Progress(store, list_id, circuit_breaker=CircuitBreaker(consecutive_failed=LIMIT))


def fail(store, list_id, count):
    """Call so many, none of whom is reached."""
    for row in store.list_rows.due(list_id, datetime.now(UTC) + timedelta(minutes=1), count):
        call_id = f"call-{row.id}"
        store.list_rows.called(row, queued(store, call_id, to_number=row.to_number).ref)
        deliver(store, call_id, to_number=row.to_number, call_outcome="failed")


def release(store, list_id):
    store.pauses.resume(Scope.LIST, list_id, actor="ada")


def test_it_is_paused_once_until_it_is_resumed(store, list_id, progress):
    fail(store, list_id, LIMIT - 1)
    progress.look()
    assert not store.pauses.in_force()
    fail(store, list_id, LIMIT)
    for _ in range(2):
        progress.look()
        assert [pause.reason for pause in store.pauses.in_force()] == [f"the last {LIMIT} calls failed"]
    release(store, list_id)
    progress.look()
    assert not store.pauses.in_force()


def test_calls_that_failed_before_the_resume_do_not_count_though_they_are_noted_after_it(store, list_id, progress):
    fail(store, list_id, LIMIT)
    progress.look()
    fail(store, list_id, LIMIT)
    release(store, list_id)
    progress.look()
    assert not store.pauses.in_force()
    fail(store, list_id, LIMIT)
    progress.look()
    assert store.pauses.in_force()


def test_a_resume_that_comes_while_it_is_looked_at_stands(store, list_id, progress, monkeypatch):
    fail(store, list_id, LIMIT)
    progress.look()
    releases = [release]

    def then_release(look):
        def looked(*of):
            found = look(*of)
            while releases:
                releases.pop()(store, list_id)
            return found

        return looked

    monkeypatch.setattr(store.pauses, "in_force", then_release(store.pauses.in_force))
    monkeypatch.setattr(store.list_rows, "latest_results", then_release(store.list_rows.latest_results))
    progress.look()
    assert not releases
    assert not store.pauses.in_force()
