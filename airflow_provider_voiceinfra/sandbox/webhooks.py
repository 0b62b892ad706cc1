"""The signed ``call.completed`` webhook."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass


def sign(body: bytes, secret: str) -> str:
    """Return the value of ``X-VoiceInfra-Signature`` for a body, exactly as it is sent."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Webhook:
    """The body of a webhook, and the webhook that follows once it is acknowledged."""

    call_id: str
    body: bytes
    then: Webhook | None = None

    @classmethod
    def of(cls, payload: Mapping[str, object], then: Webhook | None = None) -> Webhook:
        """Make the webhook that carries a completion."""
        return cls(str(payload["call_id"]), json.dumps(payload, ensure_ascii=False).encode(errors="replace"), then)

    def headers(self, secret: str) -> dict[str, str]:
        """Return the headers of the webhook, with its signature."""
        return {
            "Content-Type": "application/json",
            "X-VoiceInfra-Event": "call.completed",
            "X-VoiceInfra-Signature": sign(self.body, secret),
        }
