"""A store that has seen much, as the Calls page reads it: calls with their completions, in lists, of every outcome."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.call_metadata import hash_pair
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.claims.answers import UNSETTLED
from airflow_provider_voiceinfra.store.hashing import hash_key
from tests.benchmarks.guard.history import CONN_ID, _rows

AT_ONCE = 10_000
RARE_CALLS = 60
"""The oldest calls have an outcome that no later one has."""
LIST_ID, LIST_ROWS = "vl_1", 100_000
DORMANT = "dag_dormant"
"""A DAG of the oldest tenth of the calls."""


def fill(store: CallStore, calls: int) -> None:
    """Write calls of the last 90 days; the newest 500 are going on, all others have ended."""
    for start in range(0, calls, AT_ONCE):
        rows = [
            _told(row, number, calls) for number, row in enumerate(_rows(start, start + AT_ONCE, calls, 500), start)
        ]
        with store.database.write() as tx:
            tx.execute(schema.completion.insert(), list(_completions(rows)))
            tx.execute(schema.call.insert(), rows)
            tx.execute(schema.call_metadata.insert(), list(_pairs(rows, start)))
    _fill_list(store)
    analyze(store)


def analyze(store: CallStore) -> None:
    """Let the database know what is in it."""
    with store.database.write() as tx:
        tx.execute(sa.text("ANALYZE"))


def _told(row: dict[str, Any], number: int, calls: int) -> dict[str, Any]:
    row |= {"list_id": f"vl_{number // 20_000}" if number % 3 else None, "completion_id": None}
    row |= {"start_hour": None, "duration_seconds": None, "variant": None}
    if number % 3 == 0 and number < 3 * LIST_ROWS:
        row |= {"list_id": LIST_ID, "variant": ("long", "short")[number % 2]}
    row["metadata"] = {"appointment": number, "campaign": ("spring", "summer", "autumn")[number % 3]}
    if number < calls // 10:
        row["dag_id"] = DORMANT
    if row["state"] == "completed":
        outcome = "busy" if number < RARE_CALLS else ("answered", "answered", "voicemail", "failed")[number % 4]
        hour = row["claimed_at"].replace(minute=0, second=0, microsecond=0)
        row |= {"outcome": outcome, "completion_id": number + 1, "start_hour": hour, "duration_seconds": number % 300}
    if number % 50_000 == 7:
        row |= UNSETTLED | {"state": "unknown"}
    return row


def _pairs(rows: list[dict[str, Any]], start: int) -> Iterator[dict[str, Any]]:
    for row_id, row in enumerate(rows, start + 1):
        for name, value in row["metadata"].items():
            yield {"pair": hash_pair(f"{name}:{value}"), "call": row_id}


def _completions(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in rows:
        if row["completion_id"] is None:
            continue
        start = row["claimed_at"] + timedelta(seconds=5)
        said = {
            "event": "call.completed",
            "call_id": row["call_id"],
            "call_outcome": row["outcome"],
            "duration_seconds": row["completion_id"] % 300,
            "start_time": start.isoformat(),
            "transcript": "Agent: Hello.\nCaller: Hello.\n" * 10,
            "summary": "x" * 100,
        }
        body = json.dumps(said).encode()
        yield {
            "id": row["completion_id"],
            "webhook_conn_id": CONN_ID,
            "call_id": row["call_id"],
            "digest": hashlib.sha256(body).digest(),
            "first": True,
            "received_at": row["claimed_at"] + timedelta(minutes=3),
            "outcome": row["outcome"],
            "opt_out": None,
            "to_number": row["to_number"],
            "body": body,
        }


def _fill_list(store: CallStore) -> None:
    with store.database.write() as tx:
        now = tx.scalar(sa.select(sa.func.max(schema.call.c.claimed_at)))
        row = {"environment": "default", "dag_id": "dag_1", "run_id": "run_1", "task_id": "call", "map_index": -1}
        row |= {"created_at": now, "import_version": 1, "state": "dialling", "imported_generation": 0}
        others = [f"vl_other_{number}" for number in range(49)]
        tx.execute(schema.call_list.insert(), [row | {"id": list_id} for list_id in (LIST_ID, *others)])
        tx.execute(schema.call_list_row.insert(), [_list_row(number, now) for number in range(LIST_ROWS)])
    progress = store.list_progress.record(LIST_ID).as_json()
    with store.database.write() as tx:
        tx.execute(schema.call_list.update().values(progress=progress))


def _list_row(number: int, now: Any) -> dict[str, Any]:
    state, result = ("done", ("answered", "voicemail", "failed")[number % 3]) if number % 5 else ("pending", None)
    if number % 100 == 0:
        state, result = "set_aside", "invalid_number"
    return {
        "list_id": LIST_ID,
        "position": number,
        "key_hash": hash_key(f"key-{number}"),
        "key": f"key-{number}",
        "to_number": f"+1415{2_000_000 + number}",
        "fields": {},
        "numbers": [],
        "metadata": {},
        "state": state,
        "result": result,
        "attempt": 1,
        "due_at": now,
        "ended_at": now if state == "done" else None,
        "call_ref": f"vc_{3 * number:012}" if state == "done" else None,
        "import_version": 1,
    }
