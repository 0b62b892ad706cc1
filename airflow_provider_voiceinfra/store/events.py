"""The history of a call, for audits."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import tables


def record_event(tx: sa.Connection, row_id: int, kind: str, *, actor: str | None = None, **detail: str) -> None:
    """Add to a call's history.

    :param row_id: the call's row.
    :param kind: what happened, a word such as ``claimed``.
    :param actor: who did it, where a person did.
    :param detail: facts, without numbers, context or words of the call.
    """
    tx.execute(
        tables.call_event.insert().values(call=row_id, at=datetime.now(UTC), kind=kind, actor=actor, detail=detail)
    )
