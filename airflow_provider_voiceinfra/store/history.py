"""The history of a call, for audits."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.many_rows import insert_rows


def record_event(tx: sa.Connection, row_id: int, kind: str, *, actor: str | None = None, **detail: str) -> None:
    """Add an event to a call's history.

    :param kind: the kind of event, such as ``claimed``.
    :param actor: the person who did it, if any.
    :param detail: details, without numbers, context or other content of the call.
    """
    record_events(tx, kind, {row_id: detail}, actor=actor)


def record_events(
    tx: sa.Connection, kind: str, details: Mapping[int, Mapping[str, str]], *, actor: str | None = None
) -> None:
    """Add the same event to the history of several calls.

    :param details: details by the call's row; see :func:`record_event`.
    """
    if details:
        now = time_of(tx)
        rows = [
            {"call": row_id, "at": now, "kind": kind, "actor": actor, "detail": details[row_id]} for row_id in details
        ]
        insert_rows(tx, schema.call_event, rows)
