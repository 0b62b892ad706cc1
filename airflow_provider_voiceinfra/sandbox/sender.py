"""Sends webhooks until they are answered with 200."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from functools import partial
from http.client import HTTPException
from urllib.parse import urlsplit

from airflow_provider_voiceinfra.sandbox.connection import KeptConnection
from airflow_provider_voiceinfra.sandbox.log import Log
from airflow_provider_voiceinfra.sandbox.records import Delivery
from airflow_provider_voiceinfra.sandbox.schedule import Schedule
from airflow_provider_voiceinfra.sandbox.webhooks import Webhook

TRIES = 50
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0


def pause_after(attempt: int) -> float:
    """Return the seconds between a delivery that failed and the next: 0.5, 1, 2, 4 … 30.

    :param attempt: 1 for the first delivery
    """
    return min(FIRST_PAUSE * 2.0 ** (attempt - 1), LONGEST_PAUSE)


def _is_http(url: str) -> bool:
    try:
        target = urlsplit(url)
        return target.scheme in {"http", "https"} and bool(target.hostname) and target.port != 0
    except ValueError:  # such as an invalid port
        return False


class WebhookSender:
    """Delivers webhooks with a few threads, each with a persistent connection.

    :param url: the receiver's URL; None to send nothing
    :param workers: maximum number of webhooks that are sent at the same time
    :param on_delivery: called with every attempt
    """

    def __init__(
        self,
        *,
        url: str | None,
        workers: int,
        schedule: Schedule,
        on_delivery: Callable[[Delivery], None] | None = None,
    ) -> None:
        self.url = url
        self.deliveries = Log(on_delivery)
        self.acknowledged: Log[Delivery] = Log()
        # Set before the first webhook, once the sandbox knows its port.
        self.secret = ""
        self._schedule = schedule
        self._ready: queue.Queue[tuple[Webhook, int] | None] = queue.Queue()
        self._connections = [KeptConnection() for _ in range(workers)]
        self._threads = [
            threading.Thread(target=self._work, args=(connection,), name=f"sandbox-webhook-{n}", daemon=True)
            for n, connection in enumerate(self._connections)
        ]

    @property
    def url(self) -> str | None:
        """The receiver's URL; read at every attempt, so it may be changed at any time."""
        return self._url

    @url.setter
    def url(self, url: str | None) -> None:
        if url is not None and not _is_http(url):
            msg = f"A webhook URL must begin with http:// or https:// and a host, not {url!r}."
            raise ValueError(msg)
        self._url = url

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop immediately: requests are cut off, and undelivered webhooks are dropped."""
        self.acknowledged.close()
        for connection in self._connections:
            self._ready.put(None)
            connection.cut()
        for thread in self._threads:
            thread.join(timeout=2.0)

    def send(self, webhook: Webhook, attempt: int = 1) -> None:
        """Deliver a webhook, with retries until it is acknowledged; returns immediately."""
        if self.url is not None:
            self._ready.put((webhook, attempt))

    def settle(self) -> None:
        """Wait until every webhook is answered, or waits for its next attempt."""
        self._ready.join()

    def wait_until_acknowledged(self, call_id: str, timeout: float) -> None:
        """Wait until the call's webhook is acknowledged, the timeout expires, or the sandbox stops."""
        if self.url is not None:
            self.acknowledged.wait_for_any(lambda delivery: delivery.call_id == call_id, timeout)

    def _work(self, connection: KeptConnection) -> None:
        with contextlib.closing(connection):
            while not connection.is_cut and (job := self._ready.get()) is not None:
                self._try(connection, *job)
                self._ready.task_done()

    def _try(self, connection: KeptConnection, webhook: Webhook, attempt: int) -> None:
        url = self.url
        if url is None:
            return
        delivery = self._deliver(connection, url, webhook, attempt)
        if connection.is_cut:
            return
        self.deliveries.add(delivery)
        if delivery.acknowledged:
            self.acknowledged.add(delivery)
            if webhook.then is not None:
                self.send(webhook.then)
        elif attempt < TRIES:
            self._schedule.after(pause_after(attempt), partial(self.send, webhook, attempt + 1))

    def _deliver(self, connection: KeptConnection, url: str, webhook: Webhook, attempt: int) -> Delivery:
        status, error = None, None
        try:
            status = connection.post(url, webhook.body, webhook.headers(self.secret))
        except (OSError, HTTPException, ValueError) as failure:
            error = f"{type(failure).__name__}: {failure}"
        return Delivery(webhook.call_id, attempt, self._schedule.now(), status, error)
