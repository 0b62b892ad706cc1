"""The secrets that sign webhooks, cached."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from airflow_provider_voiceinfra.connection_fields import ExtraFieldsError

log = logging.getLogger(__name__)

LIFETIME = 30.0
"""Seconds after which a secret is looked up again, so that a removed one is rejected within a minute."""
RECENT = 5.0
"""Seconds between two look-ups for signatures that do not match, so that strangers cannot cause more."""


class SecretMissingError(Exception):
    """No secret is known for a webhook, so it cannot be verified."""


@dataclass(frozen=True, slots=True)
class _Known:
    secrets: tuple[str, ...]
    at: float


class WebhookSecrets:
    """Caches secrets, and keeps the last known ones while they cannot be looked up.

    :param look_up: returns the secrets of a connection, the current one first; may block and may fail.
    """

    def __init__(self, look_up: Callable[[str], Sequence[str]]) -> None:
        self._look_up = look_up
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def remembered(self, conn_id: str) -> tuple[str, ...]:
        """Return the secrets if they were looked up recently, else none. Never blocks."""
        known = self._known.get(conn_id)
        return known.secrets if known and time.monotonic() - known.at < LIFETIME else ()

    def get(self, conn_id: str) -> tuple[str, ...]:
        """Return the secrets of a connection, looked up again unless that is recent.

        :raises SecretMissingError: if none is known.
        """
        known = self._known.get(conn_id)
        # If they are known, a slow look-up of another thread is not waited for.
        if self._lock.acquire(blocking=known is None or not known.secrets):
            try:
                known = self._known.get(conn_id)
                if known is None or time.monotonic() - known.at >= RECENT:
                    known = self._known[conn_id] = _Known(self._looked_up(conn_id), time.monotonic())
            finally:
                self._lock.release()
        if known is None or not known.secrets:
            raise SecretMissingError(conn_id)
        return known.secrets

    def _looked_up(self, conn_id: str) -> tuple[str, ...]:
        try:
            return tuple(secret for secret in self._look_up(conn_id) if secret)
        except ExtraFieldsError as error:
            log.warning("The secret of webhook %r cannot be looked up. %s", conn_id, error)
        except Exception as error:  # noqa: BLE001 - any secrets backend, any error
            log.warning("The secret of webhook %r cannot be looked up (%s).", conn_id, type(error).__name__)
        known = self._known.get(conn_id)
        return known.secrets if known else ()
