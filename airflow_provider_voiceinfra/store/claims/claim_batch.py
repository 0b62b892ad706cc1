"""The rows of calls that are claimed or denied together, in one transaction."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.call_metadata import add_metadata, remove_metadata
from airflow_provider_voiceinfra.store.claims.prior_call import PriorCall
from airflow_provider_voiceinfra.store.claims.requesters import record_requester, requester_label
from airflow_provider_voiceinfra.store.claims.results import Claim, ClaimResult, Conflict
from airflow_provider_voiceinfra.store.guard import lifetimes
from airflow_provider_voiceinfra.store.guard.claim_request import ClaimRequest
from airflow_provider_voiceinfra.store.guard.rules import Denial, DeniedCall, Verdict
from airflow_provider_voiceinfra.store.hashing import hash_key
from airflow_provider_voiceinfra.store.history import record_event, record_events
from airflow_provider_voiceinfra.store.lists.list_rows import deny_row, open_rows
from airflow_provider_voiceinfra.store.many_rows import insert_rows
from airflow_provider_voiceinfra.store.models import CallState

_BY_REF = sa.select(schema.call.c.ref, schema.call.c.id).where(
    schema.call.c.ref.in_(sa.bindparam("refs", expanding=True))
)


class ClaimBatch:
    """Writes calls that are claimed or denied together, and gives the result of each.

    :param environment: of the calls.
    :param worker: identifies this process.
    """

    def __init__(self, tx: sa.Connection, environment: str, worker: str) -> None:
        self._tx = tx
        self._environment = environment
        self._worker = worker
        # Proves that the claims are ours.
        self._owner = secrets.token_hex(16)
        self._results: list[ClaimResult] = []
        # By its place among the results, and its ref: a claim is complete once its row has an id.
        self._claimed: list[tuple[int, str, ClaimRequest, Verdict]] = []
        self._ids: dict[str, int] = {}
        self._new_rows: list[dict[str, Any]] = []

    def leave(self, conflict: Conflict) -> None:
        """Claim nothing: another call conflicts."""
        self._results.append(ClaimResult(conflict=conflict))

    def leave_denied(self, request: ClaimRequest, denied: DeniedCall) -> None:
        """Claim nothing: the guard has denied the call before."""
        if request.list_row is not None:
            deny_row(self._tx, request.list_row, denied)
        self._results.append(ClaimResult(denied=denied))

    def deny(self, request: ClaimRequest, waiting: PriorCall | None, denial: Denial, now: datetime) -> None:
        """Write that the guard denies a call.

        :param waiting: its row, where it has waited before.
        """
        row = self._row(request, now) | denied_by(denial)
        ref = _new_ref() if waiting is None else waiting.ref
        row_id = self._update(waiting.id, row) if waiting is not None else self._insert([{"ref": ref, **row}])[ref]
        if waiting is None or not _was_reported(waiting, request, denial):
            asked_by = requester_label(request.source)
            record_event(self._tx, row_id, denial.state, rule=denial.rule, asked_by=asked_by)
        record_requester(self._tx, row_id, request.source)
        self.leave_denied(request, DeniedCall(ref, denial.state, denial))

    def claim(self, request: ClaimRequest, waiting: PriorCall | None, verdict: Verdict, now: datetime) -> None:
        """Claim a call; one that has waited keeps its ref."""
        counted = {"counted_on": verdict.counted_on, "estimated_seconds": verdict.estimated_seconds}
        row = self._row(request, now) | {"state": CallState.CLAIMED, "talked_seconds": 0, **counted}
        ref = _new_ref() if waiting is None else waiting.ref
        if waiting is not None:
            self._ids[ref] = self._update(waiting.id, row)
        else:
            self._new_rows.append({"ref": ref, **row})
        self._claimed.append((len(self._results), ref, request, verdict))
        self._results.append(ClaimResult())

    def write(self) -> list[ClaimResult]:
        """Write what is claimed.

        :return: for each call, in the order in which they were asked for.
        """
        self._ids |= self._insert(self._new_rows)
        for index, ref, request, verdict in self._claimed:
            claim = Claim(self._ids[ref], ref, self._owner, request, verdict.estimated_seconds)
            self._results[index] = ClaimResult(claim=claim)
        record_events(self._tx, "claimed", {self._ids[ref]: {} for _, ref, _, _ in self._claimed})
        open_rows(self._tx, {each.list_row: ref for _, ref, each, _ in self._claimed if each.list_row is not None})
        return self._results

    def _update(self, row_id: int, row: dict[str, Any]) -> int:
        self._tx.execute(sa.update(schema.call).where(schema.call.c.id == row_id).values(row))
        remove_metadata(self._tx, [row_id])
        add_metadata(self._tx, {row_id: row["metadata"]})
        return row_id

    def _insert(self, rows: Sequence[dict[str, Any]]) -> dict[str, int]:
        """Insert rows of calls; gives the id of each, by ref."""
        if not rows:
            return {}
        insert_rows(self._tx, schema.call, rows)
        ids = {row.ref: row.id for row in self._tx.execute(_BY_REF, {"refs": [row["ref"] for row in rows]})}
        add_metadata(self._tx, {ids[row["ref"]]: row["metadata"] for row in rows})
        return ids

    def _row(self, request: ClaimRequest, now: datetime) -> dict[str, Any]:
        source = request.source
        return {
            "environment": self._environment,
            "realm": request.realm,
            "host": request.host,
            "key_hash": hash_key(request.key),
            "base_key_hash": hash_key(request.base_key),
            "key_label": request.key_label,
            "own_key": request.own_key,
            "key_active": True,
            "conn_id": request.conn_id,
            "webhook_conn_id": request.webhook_conn_id,
            "dag_id": source.dag_id,
            "run_id": source.run_id,
            "logical_run": source.logical_run,
            "task_id": source.task_id,
            "map_index": source.map_index,
            "generation": source.generation,
            "agent_id": request.agent_id,
            "from_number": request.from_number,
            "to_number": request.to_number,
            "request": dict(request.request),
            "fingerprint": dict(request.fingerprint),
            "metadata": dict(request.metadata),
            "attempt": request.attempt,
            "list_id": request.list_id,
            "variant": request.variant,
            "owner": self._owner,
            "worker": self._worker,
            "claimed_at": now,
            "claim_expires_at": now + lifetimes.CLAIM_LIFETIME,
            "permits": 0,
            "deadline": now + request.settle_timeout,
            "rule": None,
            "wait_until": None,
            "pause_id": None,
            "purged_at": None,
            "number_hash": None,
        }


def denied_by(denial: Denial) -> dict[str, Any]:
    """Return what changes in the row of a call that the guard denies."""
    return {
        "state": denial.state,
        "key_active": denial.state == CallState.WAITING,
        "rule": denial.rule,
        "wait_until": denial.until,
        "pause_id": denial.pause_id,
    }


def _was_reported(waiting: PriorCall, request: ClaimRequest, denial: Denial) -> bool:
    """Return whether the task that asks got the same answer when it asked last: that needs no other event."""
    last, now = waiting.source, request.source
    return waiting.rule == denial.rule and last.is_same_task(now) and last.generation == now.generation


def _new_ref() -> str:
    return f"vc_{secrets.token_hex(6)}"
