"""Reading completed calls by a cursor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow_provider_voiceinfra.store.feed.completed_calls import CompletionFilter
from tests.support.store_samples import deliver, queued


def a_day_ago():
    return datetime.now(UTC) - timedelta(days=1)


def read(store, cursor="follow_up", *, since=None, **wanted):
    with store.cursors.calls(cursor, CompletionFilter(**wanted), since or a_day_ago()) as calls:
        return [call.call_id for call in calls]


def complete(store, *call_ids, **fields):
    for call_id in call_ids:
        queued(store, call_id)
        deliver(store, call_id, **fields)
