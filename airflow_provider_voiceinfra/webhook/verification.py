"""Verifies that a webhook is VoiceInfra's, before its content is read."""

from __future__ import annotations

import logging
import time
from collections import Counter
from enum import StrEnum

from airflow_provider_voiceinfra.webhook import signature
from airflow_provider_voiceinfra.webhook.metrics import PREFIX, Metrics
from airflow_provider_voiceinfra.webhook.secrets import SecretMissingError, WebhookSecrets

log = logging.getLogger(__name__)

_LOG_INTERVAL = 60.0
"""Seconds between two log lines about rejections, so that strangers cannot fill the logs."""


class Verdict(StrEnum):
    """The result of verifying a webhook."""

    VALID = "valid"
    UNSIGNED = "unsigned"
    """Its signature is missing or was made with another secret."""
    UNVERIFIABLE = "unverifiable"
    """No secret is known."""


class Verification:
    """Verifies webhooks; logs and counts those that are rejected."""

    def __init__(self, secrets: WebhookSecrets, metrics: Metrics) -> None:
        self.secrets = secrets
        self._metrics = metrics
        self._logged_at: dict[tuple[str, Verdict], float] = {}
        self._unsigned: Counter[str] = Counter()

    def verify_quickly(self, conn_id: str, body: bytes, signed: str | None) -> bool:
        """Whether a webhook is signed with a cached secret. Never blocks."""
        return signature.fits(body, signed, self.secrets.remembered(conn_id))

    def verify(self, conn_id: str, body: bytes, signed: str | None) -> Verdict:
        """Verify a webhook; if no cached secret matches, look it up again. May block."""
        if self.verify_quickly(conn_id, body, signed):
            return Verdict.VALID
        try:
            if signature.fits(body, signed, self.secrets.get(conn_id)):
                return Verdict.VALID
            verdict = Verdict.UNSIGNED
        except SecretMissingError:
            verdict = Verdict.UNVERIFIABLE
        self._metrics.incr(f"{PREFIX}.rejected.{verdict}")
        if verdict is Verdict.UNSIGNED:
            self._unsigned[conn_id] += 1
        self._log(conn_id, verdict)
        return verdict

    def unsigned(self) -> Counter[str]:
        """Return the number of rejected webhooks since the last call, by connection."""
        unsigned, self._unsigned = self._unsigned, Counter()
        return unsigned

    def _log(self, conn_id: str, verdict: Verdict) -> None:
        now = time.monotonic()
        if now - self._logged_at.get((conn_id, verdict), -_LOG_INTERVAL) < _LOG_INTERVAL:
            return
        self._logged_at[conn_id, verdict] = now
        if verdict is Verdict.UNSIGNED:
            log.warning(
                "A webhook to %r was rejected: its signature is missing or wrong. If VoiceInfra sent it, the "
                "webhook_secret of the connection differs from the one under Settings → Webhooks. (Others are not "
                "logged for a minute.)",
                conn_id,
            )
        else:
            log.error(
                "A webhook to %r cannot be verified, so VoiceInfra must send it again: set webhook_secret on that "
                "connection, the same as under Settings → Webhooks. (Others are not logged for a minute.)",
                conn_id,
            )
