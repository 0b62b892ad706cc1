"""Whether a webhook is VoiceInfra's: decided before anything in it is looked at."""

from __future__ import annotations

import logging
import time
from collections import Counter
from enum import StrEnum

from airflow_provider_voiceinfra.webhook import signature
from airflow_provider_voiceinfra.webhook.metrics import PREFIX, Metrics
from airflow_provider_voiceinfra.webhook.secrets import SecretMissingError, WebhookSecrets

log = logging.getLogger(__name__)

_QUIET = 60.0
"""Seconds in which a refusal is not logged again: strangers must not fill the logs."""


class Verdict(StrEnum):
    """What is to be done with a webhook."""

    TAKEN = "taken"
    UNSIGNED = "unsigned"
    """Its signature is missing, or made with another secret."""
    UNVERIFIABLE = "unverifiable"
    """Nothing can be told: no secret is known."""


class Verification:
    """Verifies webhooks, and says what was refused.

    :param secrets: by which each webhook is verified.
    """

    def __init__(self, secrets: WebhookSecrets, metrics: Metrics) -> None:
        self.secrets = secrets
        self._metrics = metrics
        self._said: dict[tuple[str, Verdict], float] = {}
        self._unsigned: Counter[str] = Counter()

    def taken_at_once(self, conn_id: str, body: bytes, signed: str | None) -> bool:
        """Tell whether a webhook is signed by a secret that was looked up lately. Never blocks."""
        return signature.fits(body, signed, self.secrets.remembered(conn_id))

    def judge(self, conn_id: str, body: bytes, signed: str | None) -> Verdict:
        """Judge a webhook; where nothing fits, look whether the secret was changed. May block.

        :param conn_id: the connection whose webhook it is.
        :param body: as received.
        :param signed: the header's value.
        """
        if self.taken_at_once(conn_id, body, signed):
            return Verdict.TAKEN
        try:
            if signature.fits(body, signed, self.secrets.get(conn_id)):
                return Verdict.TAKEN
            verdict = Verdict.UNSIGNED
        except SecretMissingError:
            verdict = Verdict.UNVERIFIABLE
        self._metrics.incr(f"{PREFIX}.refused.{verdict}")
        if verdict is Verdict.UNSIGNED:
            self._unsigned[conn_id] += 1
        self._say(conn_id, verdict)
        return verdict

    def unsigned(self) -> Counter[str]:
        """Give how many webhooks were refused since this was asked last, by connection."""
        unsigned, self._unsigned = self._unsigned, Counter()
        return unsigned

    def _say(self, conn_id: str, verdict: Verdict) -> None:
        now = time.monotonic()
        if now - self._said.get((conn_id, verdict), -_QUIET) < _QUIET:
            return
        self._said[conn_id, verdict] = now
        if verdict is Verdict.UNSIGNED:
            log.warning(
                "A webhook to %r was refused: its signature is missing or wrong. If VoiceInfra sent it, the "
                "webhook_secret of the connection differs from the one under Settings → Webhooks. (Others are not "
                "logged for a minute.)",
                conn_id,
            )
        else:
            log.error(
                "A webhook to %r cannot be verified, and is to be sent again: set webhook_secret on that connection, "
                "the same as under Settings → Webhooks. (Others are not logged for a minute.)",
                conn_id,
            )
