"""Calls and completions as tests need them; a test names only what it is about."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.claims.results import Claim
from airflow_provider_voiceinfra.store.errors import StoreError, StoreUnavailableError
from airflow_provider_voiceinfra.store.guard.claim_request import ClaimRequest
from airflow_provider_voiceinfra.store.guard.rules import Rules
from airflow_provider_voiceinfra.store.inbox.delivery import Delivery
from airflow_provider_voiceinfra.store.models import DeliveryResult, Realm, Source

NUMBER, CALLER = "+14155550100", "+14155550199"
SECRET = "her policy was cancelled"
CONN = "voiceinfra_default"


def claim_request(key: str = "key", **changes: Any) -> ClaimRequest:
    """A call to be claimed."""
    fields = {
        "base_key": key,
        "key_label": key,
        "own_key": True,
        "settle_timeout": timedelta(hours=2),
        "realm": Realm.LIVE,
        "host": "api.voiceinfra.ai",
        "conn_id": CONN,
        "webhook_conn_id": CONN,
        "source": Source("dag", "run", "run", "task"),
        "agent_id": "agent",
        "from_number": CALLER,
        "to_number": NUMBER,
        "request": {"context": SECRET},
        "fingerprint": {"agent_id": "a1"},
        "metadata": {"appointment": 7},
    }
    return ClaimRequest(key=key, **(fields | changes))


def claim(store: CallStore, key: str = "key", **changes: Any) -> Claim:
    """Claim a call whose key is free."""
    claim = store.claims.take(claim_request(key, **changes)).claim
    assert claim is not None
    return claim


def under(ours: Claim, rules: Rules) -> Claim:
    """The same claim, whose rules have changed since."""
    return replace(ours, request=replace(ours.request, rules=rules))


def queued(store: CallStore, call_id: str, **changes: Any) -> Claim:
    """Place a call that VoiceInfra calls ``call_id``."""
    ours = claim(store, **({"key": call_id} | changes))
    store.claims.record_queued(ours, call_id)
    return ours


def body(call_id: str = "call-1", **fields: Any) -> bytes:
    """A webhook's body."""
    said = {
        "event": "call.completed",
        "call_id": call_id,
        "call_outcome": "answered",
        "to_number": NUMBER,
        "transcript": f"Agent: {SECRET}",
    }
    return json.dumps(said | fields).encode()


def delivery(content: bytes, conn: str = CONN) -> Delivery:
    """A webhook that came just now."""
    return Delivery.read(conn, datetime.now(UTC), content)


def deliver(store: CallStore, call_id: str = "call-1", *, conn: str = CONN, **fields: Any) -> DeliveryResult:
    """Let a webhook bring a completion."""
    (kept,) = store.deliveries.keep([delivery(body(call_id, **fields), conn)])
    return kept


def state(store: CallStore, ref_or_call_id: str) -> str:
    """Where a call is on its way."""
    call = store.calls.get(ref_or_call_id)
    assert call is not None
    return call.state.value


def rows(store: CallStore, table: sa.Table) -> list[Any]:
    """A table, oldest row first."""
    with store.database.read() as tx:
        return list(tx.execute(sa.select(table).order_by(*table.primary_key.columns)).all())


def events(store: CallStore, claim_id: int) -> list[str]:
    """What happened to a call."""
    return [row.kind for row in rows(store, schema.call_event) if row.call == claim_id]


def make_old(store: CallStore, ours: Claim, *, permits: int = 1) -> None:
    """Let a claim's time have run out, after its owner was granted send permits."""
    with store.database.write() as tx:
        tx.execute(
            sa.update(schema.call)
            .where(schema.call.c.id == ours.id)
            .values(claim_expires_at=datetime.now(UTC) - timedelta(seconds=1), permits=permits)
        )


def tables_at(url: str) -> list[str]:
    """What is in a database, whether or not it is a call store."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return sa.inspect(connection).get_table_names()


def reason(url: str, kind: type[StoreError] = StoreUnavailableError) -> str:
    """What is said of a store that cannot be used: one line that names the setting."""
    with pytest.raises(kind) as error:
        CallStore(url).check()
    said = str(error.value)
    assert "[voiceinfra] call_store" in said
    assert "\n" not in said
    return said


PARTY = {"agent_id": "agent", "from_number": CALLER, "to_number": NUMBER}


def started(seconds=1.0, **changes):
    """A webhook's fields about a call of our party that started some seconds from now."""
    start = datetime.now(UTC) + timedelta(seconds=seconds)
    return PARTY | {"start_time": start.isoformat()} | changes


def unknown(store, key="key", **changes):
    """A call whose answer nobody received."""
    ours = claim(store, key, **changes)
    assert store.claims.request_permit(ours).permit
    store.claims.record_unknown(ours, "the connection was lost")
    return ours
