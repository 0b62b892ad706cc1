"""Call lists as tests need them."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.lists.row_values import NewRow
from airflow_provider_voiceinfra.store.models import Source

LIST = Source("dag", "run", "run", "list")
TASK = Source("dag", "run", "run", "call")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def row(position, key=None, number=None, **fields):
    return NewRow(position, key, number or f"+1415555{position:04}", fields, {"id": position})


def refs(pages):
    return [attempt.call.ref for page in pages for attempt in page]


def let_events_be(store, at, *claims):
    """Move all that happened to some calls to another time."""
    with store.database.write() as tx:
        of_them = schema.call_event.c.call.in_([each.id for each in claims])
        tx.execute(sa.update(schema.call_event).where(of_them).values(at=at))
