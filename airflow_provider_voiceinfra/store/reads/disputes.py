"""Disputed ``call_id``s, returned for more than one call: their completions settle no call until a person decides."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema

_completion, _disputed = schema.completion.c, schema.disputed_call_id.c
_KNOWN = sa.select(_disputed.webhook_conn_id, _disputed.call_id).where(
    _disputed.call_id.in_(sa.bindparam("call_ids", expanding=True))
)


def is_disputed() -> sa.ColumnElement[bool]:
    """Return the condition, in a query of completions, that a ``call_id`` is disputed."""
    return sa.exists().where(
        _disputed.call_id == _completion.call_id, _disputed.webhook_conn_id == _completion.webhook_conn_id
    )


def known_disputes(tx: sa.Connection, call_ids: Collection[str]) -> set[tuple[str, str]]:
    """Return the disputed ones among some ``call_id``s, as pairs of webhook connection and ``call_id``."""
    return {(row.webhook_conn_id, row.call_id) for row in tx.execute(_KNOWN, {"call_ids": list(call_ids)})}


def add_dispute(tx: sa.Connection, webhook_conn_id: str, call_id: str) -> None:
    """Record that a ``call_id`` is disputed."""
    values = {"webhook_conn_id": webhook_conn_id, "call_id": call_id}
    tx.execute(schema.insert(tx, schema.disputed_call_id).values(values).on_conflict_do_nothing())


def copy_disputes(tx: sa.Connection, old: str, new: str) -> None:
    """Record a connection's disputes under its new name too; the old one may still be in use."""
    for call_id in tx.scalars(sa.select(_disputed.call_id).where(_disputed.webhook_conn_id == old)).all():
        add_dispute(tx, new, call_id)
