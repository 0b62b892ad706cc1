"""A delivery of a webhook, with the fields that the store needs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
    """A verified webhook.

    :param webhook_conn_id: the connection whose webhook secret has signed it.
    :param body: the signed bytes.
    :param headers: VoiceInfra's own headers, to forward; names in lower case.
    :param call_id: the call that it completes; empty if the body is not understood.
    :param start_time: when the conversation began, if the body contains it.
    :param duration_seconds: how long the conversation lasted, if the body contains it.
    :param party: the parties of the call.
    :param reason: why the body is not understood, without its content; otherwise empty.
    """

    webhook_conn_id: str
    received_at: datetime
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    digest: bytes = field(repr=False)
    call_id: str = ""
    outcome: str = ""
    reason: str = ""
    party: CallParties | None = field(default=None, repr=False)
    start_time: datetime | None = None
    duration_seconds: int | None = None

    @classmethod
    def read(
        cls, webhook_conn_id: str, received_at: datetime, body: bytes, headers: Mapping[str, str] | None = None
    ) -> Delivery:
        """Parse a verified webhook.

        :param body: the signed bytes.
        """
        delivery = cls(webhook_conn_id, received_at, body, headers or {}, hashlib.sha256(body).digest())
        try:
            payload = read_payload(body)
        except NotUnderstoodError as error:
            return replace(delivery, reason=str(error))
        return delivery._completing(payload["call_id"], payload)

    @classmethod
    def read_for(cls, call_id: str, webhook_conn_id: str, received_at: datetime, body: bytes) -> Delivery:
        """Parse a webhook that is not understood, as the completion of a call that a person has identified."""
        delivery = cls(webhook_conn_id, received_at, body, {}, hashlib.sha256(body).digest())
        return delivery._completing(call_id, stored_completion(body, call_id, "").payload)

    def _completing(self, call_id: str, payload: dict[str, Any]) -> Delivery:
        numbers = (text_of(payload, name) or "" for name in ("agent_id", "from_number", "to_number"))
        return replace(
            self,
            call_id=call_id,
            outcome=outcome_of(payload),
            party=CallParties(self.webhook_conn_id, *numbers),
            start_time=start_time_of(payload),
            duration_seconds=duration_of(payload),
        )
