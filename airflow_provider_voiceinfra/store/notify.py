"""Notifications of new completions on PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import sqlalchemy as sa

CHANNEL = "voiceinfra_completion"
"""The channel of PostgreSQL's notifications: the ``call_id`` of each new completion, one per line."""

# In bytes: PostgreSQL accepts less than 8,000.
_PAYLOAD = 7_000
_NOTIFY = sa.text("SELECT pg_notify(:channel, :payload)")


def notify(tx: sa.Connection, call_ids: Collection[str]) -> None:
    """Notify all listeners of new completions when the transaction is committed."""
    if tx.dialect.name == "postgresql" and call_ids:
        tx.execute(_NOTIFY, [{"channel": CHANNEL, "payload": payload} for payload in _payloads(call_ids)])


def _payloads(call_ids: Collection[str]) -> Iterator[str]:
    lines: list[str] = []
    size = 0
    for call_id in call_ids:
        length = len(call_id.encode()) + 1
        if size + length > _PAYLOAD:
            yield "\n".join(lines)
            lines, size = [], 0
        lines.append(call_id)
        size += length
    yield "\n".join(lines)
