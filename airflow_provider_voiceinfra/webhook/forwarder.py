"""Forwards verified webhooks to other environments, because an account has one webhook URL."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from urllib.parse import urlsplit

import requests

from airflow_provider_voiceinfra.network import environment_settings
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.inbox.forwards import Forwards

log = logging.getLogger(__name__)

INTERVAL = 1.0
"""Seconds between two reads of the outbox."""
TIMEOUT = 20.0
REST = 10.0
"""Seconds without a request to a URL that did not answer, or answered with a server error."""
_AT_ONCE = 32


class Forwarder:
    """Empties the outbox. A URL that hangs does not delay the others."""

    def __init__(self, forwards: Forwards) -> None:
        self._forwards = forwards
        self._sending: set[str] = set()
        # Threads of its own: other servers may be slow, and storing webhooks must not wait for them.
        self._threads = ThreadPoolExecutor(_AT_ONCE, "voiceinfra-forwarder")

    async def run(self) -> None:
        """Send what is due, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    for url in await self._due() - self._sending:
                        self._sending.add(url)
                        group.create_task(self._send(url))
                    await asyncio.sleep(INTERVAL)
        finally:
            # A request that is being sent is finished by its thread.
            self._threads.shutdown(wait=False)

    async def _due(self) -> set[str]:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._forwards.due)
        except StoreError:
            # The delivery buffer logs it.
            return set()

    async def _send(self, url: str) -> None:
        """Send all webhooks that are due for a URL, one after another."""
        loop = asyncio.get_running_loop()
        rest: float | None = 0.0
        try:
            with requests.Session() as session:
                # Otherwise credentials of ~/.netrc would be sent, and plain http would use a proxy.
                session.trust_env = False
                while rest is not None:
                    await asyncio.sleep(rest)
                    rest = await loop.run_in_executor(self._threads, self._send_next, session, url)
        except StoreError:
            # They are due again when the store is back.
            pass
        finally:
            self._sending.discard(url)

    def _send_next(self, session: requests.Session, url: str) -> float | None:
        """Send one webhook, at least once.

        :return: seconds until the next request to this URL; None if nothing is due for it.
        """
        forward = self._forwards.take(url)
        if forward is None:
            return None
        try:
            answer = session.post(
                url,
                data=forward.body,
                headers=dict(forward.headers),
                timeout=TIMEOUT,
                allow_redirects=False,
                **environment_settings(url),
            )
        except Exception as error:  # noqa: BLE001 - any error: it is sent again
            reason, rest = type(error).__name__, REST
        else:
            if HTTPStatus.OK <= answer.status_code < HTTPStatus.MULTIPLE_CHOICES:
                self._forwards.done(forward)
                return 0
            # A client error is about this webhook: the next one is sent at once.
            cannot = answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
            reason, rest = f"it answered {answer.status_code}", REST if cannot else 0
        self._forwards.failed(forward)
        # The URL may hold a password, before the host or after it.
        host = urlsplit(url).netloc.rpartition("@")[2]
        log.warning("A webhook could not be forwarded to %s: %s. It will be sent again.", host, reason)
        return rest
