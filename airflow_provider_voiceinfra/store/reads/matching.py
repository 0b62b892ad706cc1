"""Matches completions with calls whose ``call_id`` is unknown."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.completion_body import stored_completion
from airflow_provider_voiceinfra.store.models import CallParties, CallState, Completion

TOLERANCE = timedelta(seconds=60)
"""How far VoiceInfra's clock may be behind ours."""

_call, _completion = schema.call.c, schema.completion.c

PARTY = tuple(_call[name] for name in ("webhook_conn_id", "agent_id", "from_number", "to_number"))
IS_OPEN = _call.state.in_([sa.literal_column(f"'{state}'") for state in (CallState.CLAIMED, CallState.UNKNOWN)])
"""Calls whose ``call_id`` is not known yet, as the index of their numbers defines them."""
_OPEN_CALLS = (
    sa.select(*PARTY, _call.claimed_at, _call.deadline, _call.environment, _completion.id.label("completion"))
    .add_columns(*(_completion[name] for name in ("call_id", "outcome", "received_at", "body")))
    .join_from(
        schema.completion,
        schema.call,
        sa.and_(_call.to_number == _completion.to_number, _call.webhook_conn_id == _completion.webhook_conn_id),
    )
    .where(_completion.id.in_(sa.bindparam("ids", expanding=True)), IS_OPEN)
)


class Unmatched:
    """A completion that belongs to no call yet."""

    def __init__(self, row: Any, completion: Completion) -> None:
        self.row = row
        self.party = CallParties(
            row.webhook_conn_id,
            completion.agent_id or "",
            completion.from_number or "",
            completion.to_number or "",
        )
        self.start: datetime = completion.start_time or row.received_at


def fits(call: Any, completion: Unmatched) -> bool:
    """Return whether a completion may belong to a call, by its time."""
    claimed_at: datetime = call.claimed_at
    return bool(claimed_at - TOLERANCE <= completion.start <= call.deadline)


def undecided(tx: sa.Connection, completion_ids: Collection[int], *, besides: str | None = None) -> set[int]:
    """Return the unmatched completions that may still turn out to belong to a claimed or unknown call.

    :param besides: calls of this environment are ignored.
    """
    found: set[int] = set()
    if not completion_ids:
        return found
    for row in tx.execute(_OPEN_CALLS, {"ids": list(completion_ids)}):
        unmatched = Unmatched(row, stored_completion(row.body, row.call_id, row.outcome))
        if row.environment != besides and unmatched.party == CallParties.of(row) and fits(row, unmatched):
            found.add(row.completion)
    return found
