"""A store that has seen much: past calls of 200,000 people, and numbers that are not to be called."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.models import Realm

CONN_ID = "voiceinfra_default"
LIST_ID = "vl_history"
"""A list to which every tenth call belongs."""
_AT_ONCE = 10_000
_PEOPLE = 200_000
DAYS = 90


def fill(store: CallStore, calls: int, numbers: int, *, going_on: int = 500, realm: Realm = Realm.LIVE) -> None:
    """Write the past: calls over the last :data:`DAYS` days, the newest of which are going on."""
    for start in range(0, calls, _AT_ONCE):
        rows = _rows(start, min(calls, start + _AT_ONCE), calls, going_on)
        with store.database.write() as tx:
            tx.execute(schema.call.insert(), [row | {"realm": realm} for row in rows])
    store.do_not_call.add((f"+1212{number:07}" for number in range(numbers)), actor="import", reason="the state's list")
    with store.database.write() as tx:
        tx.execute(sa.text("ANALYZE"))


def _rows(start: int, end: int, calls: int, going_on: int) -> Iterator[dict[str, Any]]:
    now = datetime.now(UTC)
    for number in range(start, end):
        claimed_at = now - timedelta(days=DAYS) * (1 - number / calls)
        is_open = number >= calls - going_on
        key = secrets.token_hex(32)
        yield {
            "ref": f"vc_{number:012}",
            "environment": "default",
            "host": "api.voiceinfra.ai",
            "key_hash": key,
            "realm": "live",
            "base_key_hash": key,
            "key_label": f"reminder-{number}",
            "own_key": True,
            "key_active": True,
            "conn_id": CONN_ID,
            "webhook_conn_id": CONN_ID,
            "dag_id": f"dag_{number % 20}",
            "run_id": f"run_{number // 1_000}",
            "logical_run": f"run_{number // 1_000}",
            "task_id": "call",
            "map_index": number % 1_000,
            "generation": 0,
            "agent_id": f"agent_{number % 10}",
            "from_number": "+14155550199",
            "to_number": f"+1415{number % _PEOPLE:07}",
            "request": {"context": "x" * 200},
            "fingerprint": {},
            "metadata": {},
            "state": "queued" if is_open else "completed",
            "owner": "",
            "claimed_at": claimed_at,
            "claim_expires_at": claimed_at,
            "permits": 1,
            "deadline": (now if is_open else claimed_at) + timedelta(hours=2),
            "call_id": f"call_{number:012}",
            "queued_at": claimed_at,
            "outcome": None if is_open else "answered",
            "completed_at": None if is_open else claimed_at,
            "duration_seconds": None if is_open else number % 300,
            "counted_on": claimed_at.date().isoformat(),
            "estimated_seconds": 150,
            "talked_seconds": 0 if is_open else number % 300,
            "list_id": None if number % 10 else LIST_ID,
        }
