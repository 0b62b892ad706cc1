"""What has changed is found without reading what has not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_voiceinfra.store.models import Source
from tests.integration.cost.steps import steps
from tests.support.list_samples import LIST, LONG_AGO, let_events_be, refs
from tests.support.store_samples import queued


def fill(store, count):
    calls = [queued(store, f"old-{number}", list_id=store.lists.open(LIST)) for number in range(count)]
    let_events_be(store, LONG_AGO, *calls)


@pytest.mark.parametrize("past", [3, 600])
def test_of_changes(store, past):
    fill(store, past)
    for number in range(3):
        queued(store, f"new-{number}")
    assert steps(store, lambda: refs(store.attempts.changed_since(datetime.now(UTC)))) < 1_000


@pytest.mark.parametrize("past", [3, 600])
def test_of_a_list(store, past):
    fill(store, past)
    list_id = store.lists.open(Source("dag", "run", "run", "other"))
    for number in range(3):
        queued(store, f"new-{number}", list_id=list_id)
    assert steps(store, lambda: refs(store.attempts.of_list(list_id))) < 1_000
