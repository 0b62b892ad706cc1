"""Sends verified webhooks on to other environments: an account has one webhook URL."""

from __future__ import annotations

import asyncio
import logging
from urllib.parse import urlsplit

import requests

from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.forwards import Forward, Forwards

log = logging.getLogger(__name__)

INTERVAL = 1.0
"""Seconds between two looks into an empty outbox."""
TIMEOUT = 20.0
_AT_ONCE = 20


class Forwarder:
    """Empties the outbox, until cancelled."""

    def __init__(self, forwards: Forwards) -> None:
        self._forwards = forwards

    async def run(self) -> None:
        """Send what is due, again and again."""
        with requests.Session() as session:
            while True:
                try:
                    sent = await asyncio.to_thread(self.send_due, session)
                except StoreError:
                    # The keeper says so already.
                    sent = 0
                if not sent:
                    await asyncio.sleep(INTERVAL)

    def send_due(self, session: requests.Session) -> int:
        """Send some of what is due, each at least once.

        :return: how many were tried.
        """
        due = self._forwards.take(_AT_ONCE)
        for forward in due:
            why = _send(session, forward)
            if why is None:
                self._forwards.done(forward)
            else:
                self._forwards.failed(forward)
                log.warning(
                    "A webhook could not be forwarded to %s: %s. It is tried again.", urlsplit(forward.url).netloc, why
                )
        return len(due)


def _send(session: requests.Session, forward: Forward) -> str | None:
    try:
        answer = session.post(
            forward.url, data=forward.body, headers=dict(forward.headers), timeout=TIMEOUT, allow_redirects=False
        )
    except requests.RequestException as error:
        return type(error).__name__
    return None if answer.ok and not answer.is_redirect else f"it answered {answer.status_code}"
