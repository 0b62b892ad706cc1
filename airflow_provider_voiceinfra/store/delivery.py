"""One delivery of a webhook: what came, and what the store has to know of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from airflow_provider_voiceinfra.store.completion_body import NotUnderstoodError, read_payload, text_of
from airflow_provider_voiceinfra.store.records import Party


@dataclass(frozen=True, slots=True)
class Delivery:
    """One verified webhook.

    :param webhook_conn_id: the connection whose webhook and secret it came by.
    :param body: the bytes as they were signed.
    :param headers: VoiceInfra's own, to be forwarded with it; names in lower case.
    :param call_id: of the call that it completes; empty where the body is not understood.
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
    party: Party | None = field(repr=False)
    reason: str

    @classmethod
    def read(
        cls, webhook_conn_id: str, received_at: datetime, body: bytes, headers: Mapping[str, str] | None = None
    ) -> Delivery:
        """Read a webhook that has been verified.

        :param body: the bytes as they were signed.
        """
        digest = hashlib.sha256(body).digest()
        try:
            payload = read_payload(body)
        except NotUnderstoodError as error:
            return cls(webhook_conn_id, received_at, body, headers or {}, digest, "", "", None, str(error))
        party = Party(
            webhook_conn_id,
            text_of(payload, "agent_id") or "",
            text_of(payload, "from_number") or "",
            text_of(payload, "to_number") or "",
        )
        call_id, outcome = payload["call_id"], payload["call_outcome"]
        return cls(webhook_conn_id, received_at, body, headers or {}, digest, call_id, outcome, party, "")
