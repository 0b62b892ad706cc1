"""Each ``call_id`` that was given to more than one call: its completion is nobody's, until a person finds out whose."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema

_completion, _disputed = schema.completion.c, schema.disputed_call_id.c
_KNOWN = sa.select(_disputed.webhook_conn_id, _disputed.call_id).where(
    _disputed.call_id.in_(sa.bindparam("call_ids", expanding=True))
)


def is_disputed() -> sa.ColumnElement[bool]:
    """Tell, within a query of completions, whether one is of a disputed call."""
    return sa.exists().where(
        _disputed.call_id == _completion.call_id, _disputed.webhook_conn_id == _completion.webhook_conn_id
    )


def known_disputes(tx: sa.Connection, call_ids: Collection[str]) -> set[tuple[str, str]]:
    """Find those among some ``call_id`` that are disputed, each with its webhook connection before it."""
    return {(row.webhook_conn_id, row.call_id) for row in tx.execute(_KNOWN, {"call_ids": list(call_ids)})}


def add_dispute(tx: sa.Connection, webhook_conn_id: str, call_id: str) -> None:
    """Keep in mind that a ``call_id`` is disputed."""
    values = {"webhook_conn_id": webhook_conn_id, "call_id": call_id}
    tx.execute(schema.insert(tx, schema.disputed_call_id).values(values).on_conflict_do_nothing())


def copy_disputes(tx: sa.Connection, old: str, new: str) -> None:
    """Keep in mind under a connection's new name what is disputed under its old one; others may use that still."""
    for call_id in tx.scalars(sa.select(_disputed.call_id).where(_disputed.webhook_conn_id == old)).all():
        add_dispute(tx, new, call_id)
