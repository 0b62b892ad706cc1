"""The secrets that webhooks are signed with, looked up rarely."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

log = logging.getLogger(__name__)

LIFETIME = 30.0
"""Seconds after which a secret is looked up again: a changed one works within a minute."""


class SecretMissingError(Exception):
    """No secret is known for a webhook: nothing can be told apart, so nothing is taken."""


@dataclass(frozen=True, slots=True)
class _Known:
    secrets: tuple[str, ...]
    until: float


class WebhookSecrets:
    """Remembers secrets, and serves the last known one while they cannot be looked up.

    :param look_up: gives the secrets of a connection, the present one first; may block and may fail.
    """

    def __init__(self, look_up: Callable[[str], Sequence[str]]) -> None:
        self._look_up = look_up
        self._known: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def remembered(self, conn_id: str) -> tuple[str, ...] | None:
        """Give the secrets if they were looked up lately, without blocking."""
        known = self._known.get(conn_id)
        return known.secrets if known and time.monotonic() < known.until else None

    def get(self, conn_id: str) -> tuple[str, ...]:
        """Give the secrets of a connection, looking them up where that was long ago.

        :raises SecretMissingError: if none was ever known.
        """
        with self._lock:
            secrets = self.remembered(conn_id)
            if secrets is not None:
                return secrets
            try:
                secrets = tuple(secret for secret in self._look_up(conn_id) if secret)
            except Exception as error:  # noqa: BLE001 - any secrets backend, any error
                log.warning("The secret of webhook %r cannot be looked up (%s).", conn_id, type(error).__name__)
                known = self._known.get(conn_id)
                secrets = known.secrets if known else ()
            if not secrets:
                raise SecretMissingError(conn_id)
            self._known[conn_id] = _Known(secrets, time.monotonic() + LIFETIME)
            return secrets
