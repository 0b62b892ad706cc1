"""One delivery of a webhook: what came, and what the store has to know of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_provider_voiceinfra.store.completion_body import (
    NotUnderstoodError,
    duration_of,
    outcome_of,
    read_payload,
    start_time_of,
    stored_completion,
    text_of,
)
from airflow_provider_voiceinfra.store.models import CallParties


@dataclass(frozen=True, slots=True)
class Delivery:
    """One verified webhook.

    :param webhook_conn_id: the connection whose webhook and secret it came by.
    :param body: the bytes as they were signed.
    :param headers: VoiceInfra's own, to be forwarded with it; names in lower case.
    :param call_id: of the call that it completes; empty where the body is not understood.
    :param start_time: when the conversation began, where the body says so.
    :param duration_seconds: how long it lasted, where the body says so.
    :param party: who called whom.
    :param reason: why the body is not understood, without its words; else empty.
    """

    webhook_conn_id: str
    received_at: datetime
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    digest: bytes = field(repr=False)
    call_id: str
    outcome: str
    reason: str
    party: CallParties | None = field(default=None, repr=False)
    start_time: datetime | None = None
    duration_seconds: int | None = None

    @classmethod
    def read(
        cls, webhook_conn_id: str, received_at: datetime, body: bytes, headers: Mapping[str, str] | None = None
    ) -> Delivery:
        """Read a webhook that has been verified.

        :param body: the bytes as they were signed.
        """
        try:
            payload = read_payload(body)
        except NotUnderstoodError as error:
            digest = hashlib.sha256(body).digest()
            return cls(webhook_conn_id, received_at, body, headers or {}, digest, "", "", str(error))
        return cls._of(webhook_conn_id, received_at, body, headers or {}, payload["call_id"], payload)

    @classmethod
    def read_for(cls, call_id: str, webhook_conn_id: str, received_at: datetime, body: bytes) -> Delivery:
        """Read a webhook that is not understood, as the completion of the call that a person has found for it."""
        return cls._of(webhook_conn_id, received_at, body, {}, call_id, stored_completion(body, call_id, "").payload)

    @classmethod
    def _of(
        cls,
        webhook_conn_id: str,
        received_at: datetime,
        body: bytes,
        headers: Mapping[str, str],
        call_id: str,
        payload: dict[str, Any],
    ) -> Delivery:
        named = (text_of(payload, name) or "" for name in ("agent_id", "from_number", "to_number"))
        digest, party = hashlib.sha256(body).digest(), CallParties(webhook_conn_id, *named)
        return cls(
            webhook_conn_id,
            received_at,
            body,
            headers,
            digest,
            call_id,
            outcome=outcome_of(payload),
            reason="",
            party=party,
            start_time=start_time_of(payload),
            duration_seconds=duration_of(payload),
        )
