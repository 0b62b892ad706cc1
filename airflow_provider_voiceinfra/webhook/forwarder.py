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
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


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


def forward_urls(text: str, conn_ids: frozenset[str]) -> tuple[str, ...]:
    """Read ``[voiceinfra] forward_to``.

    :param text: URLs, separated by commas.
    :param conn_ids: the connections that have a webhook here.
    :raises ValueError: if one cannot be used; says why.
    """
    urls = tuple(filter(None, map(str.strip, text.split(","))))
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ValueError(f"[voiceinfra] forward_to: {parts.hostname or url!r} needs https: transcripts go there.")
        if len(conn_ids) > 1 and "{conn_id}" not in url:
            raise ValueError(
                "[voiceinfra] forward_to: with several webhook_conn_ids, write {conn_id} into each URL, such as "
                "https://staging.example.com/voiceinfra/webhook/{conn_id}."
            )
    return urls
