"""The simulated VoiceInfra."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Self

from airflow_provider_voiceinfra.sandbox.accepted_calls import AcceptedCalls, Ending
from airflow_provider_voiceinfra.sandbox.call_endpoint import CallEndpoint
from airflow_provider_voiceinfra.sandbox.control import Control
from airflow_provider_voiceinfra.sandbox.http_server import HttpServer
from airflow_provider_voiceinfra.sandbox.log import Log
from airflow_provider_voiceinfra.sandbox.outbound import Account
from airflow_provider_voiceinfra.sandbox.records import Delivery, Dial, Refusal
from airflow_provider_voiceinfra.sandbox.scenarios import Outcome
from airflow_provider_voiceinfra.sandbox.schedule import Schedule
from airflow_provider_voiceinfra.sandbox.sender import WebhookSender

AGENTS = ("agent_sandbox",)
FROM_NUMBERS = ("+14155550199",)


class Sandbox:
    """A simulated VoiceInfra on this machine: accepts calls without ringing a phone, and sends webhooks.

    :param port: port to listen on; 0 for any free one
    :param webhook_url: the receiver's URL; None to send no webhooks
    :param secret: signs the webhooks; None for one of this port alone, so that no other sandbox's webhook is accepted
    :param delay: minimum and maximum duration of a call in seconds; None: until ``complete``
    :param slow_answer: delay of a slow answer in seconds
    :param answer_delay: delay of the answer to each accepted call in seconds
    :param retry_after: ``Retry-After`` of a 429 in seconds
    :param webhook_workers: maximum number of webhooks that are sent at the same time
    :param ahead: how far the sandbox's time is ahead of the host's
    :param on_dial: called with each accepted call, in the thread that answers it
    :param on_delivery: called with each attempt to deliver a webhook, in the thread that sends it
    """

    def __init__(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        api_key: str = "sandbox-key",
        agents: Collection[str] = AGENTS,
        from_numbers: Collection[str] = FROM_NUMBERS,
        webhook_url: str | None = None,
        secret: str | None = None,
        delay: tuple[float, float] | None = (1.0, 3.0),
        slow_answer: float = 45.0,
        late: float = 60.0,
        answer_delay: float = 0.0,
        retry_after: int = 1,
        webhook_workers: int = 8,
        ahead: Callable[[], timedelta] = timedelta,
        on_dial: Callable[[Dial], None] | None = None,
        on_delivery: Callable[[Delivery], None] | None = None,
    ) -> None:
        self._dials = Log(on_dial)
        self._refused: Log[Refusal] = Log()
        self._started = False
        self._stopping = threading.Event()
        self._schedule = Schedule(ahead)
        self._sender = WebhookSender(
            url=webhook_url,
            workers=webhook_workers,
            schedule=self._schedule,
            on_delivery=on_delivery,
        )
        self._calls = AcceptedCalls(
            dials=self._dials,
            sender=self._sender,
            schedule=self._schedule,
            delay=delay,
            late=late,
        )
        endpoint = CallEndpoint(
            account=Account(api_key, agents, from_numbers),
            calls=self._calls,
            refused=self._refused,
            sender=self._sender,
            now=self._schedule.now,
            stopping=self._stopping,
            answer_delay=answer_delay,
            slow_answer=slow_answer,
            retry_after=retry_after,
        )
        routes = {
            "/v1/calls/outbound": {"POST": endpoint.post},
            **Control(self._calls, self._dials).routes(),
        }
        self._http = HttpServer(host, port, routes, self._stopping)
        self._sender.secret = secret or f"sandbox-secret-{self._http.server_port}"

    def start(self) -> Self:
        """Start to answer requests; may be called once."""
        self._started = True
        self._schedule.start()
        self._sender.start()
        self._http.start()
        return self

    def stop(self) -> None:
        """Stop immediately: connections are closed, open calls and pending webhooks are dropped."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        if self._started:
            self._sender.stop()
            self._schedule.stop()
        self._http.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The base URL, for a connection's host."""
        host, port = self._http.server_address[:2]
        return f"http://{host!s}:{port}/v1"

    @property
    def secret(self) -> str:
        """The secret that signs the webhooks, for a connection's ``webhook_secret``."""
        return self._sender.secret

    @property
    def webhook_url(self) -> str | None:
        """The receiver's URL; may be set at any time, and applies to retries too."""
        return self._sender.url

    @webhook_url.setter
    def webhook_url(self, url: str | None) -> None:
        self._sender.url = url

    @property
    def dials(self) -> list[Dial]:
        """The calls that were accepted, in order."""
        return self._dials.entries()

    @property
    def refused(self) -> list[Refusal]:
        """The POSTs that were not accepted, in order."""
        return self._refused.entries()

    @property
    def deliveries(self) -> list[Delivery]:
        """Every attempt to deliver a webhook, in order."""
        return self._sender.deliveries.entries()

    def outcome(self, number: str, outcome: Outcome, **fields: object) -> None:
        """Set the outcome of open and later calls to a number; how they are answered still follows the scenario.

        :param fields: replace or add to the fields of the webhook, such as ``summary="…"``
        """
        self._calls.decide(number, Ending(outcome, fields))

    def complete(self, call_id: str, outcome: Outcome | None = None, **fields: object) -> None:
        """End a call now and send its webhook, also if it is late or missing in the scenario.

        A call that has ended already gets another webhook.

        :param outcome: the outcome; None for the number's
        :param fields: replace or add to the fields of the webhook
        :raises LookupError: if there is no such call
        """
        self._calls.complete(call_id, Ending(outcome, fields))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Run an action later, by the sandbox's time.

        :param action: must be short and not raise
        """
        self._schedule.after(seconds, action)

    def settle(self) -> float | None:
        """Wait until all that is due has happened, and every webhook is answered or waits for its next attempt.

        :return: the seconds until something happens next; None if nothing will
        """
        while True:
            before, _ = self.happened, self._schedule.settle()
            self._sender.settle()
            left = self._schedule.settle()
            if self.happened == before:
                return left

    @property
    def happened(self) -> int:
        """How many calls have ended and webhooks were answered: it grows with everything that happens by itself."""
        return self._schedule.runs + len(self.deliveries)

    def wait_for_dials(self, n: int, timeout: float = 60.0) -> list[Dial]:
        """Return the accepted calls as soon as there are ``n``.

        :raises TimeoutError: if there are fewer after so many seconds
        """
        return self._dials.wait_for_count(n, timeout, "dials")

    def wait_for_deliveries(self, n: int, timeout: float = 60.0) -> list[Delivery]:
        """Return the webhooks that were answered with 200 as soon as there are ``n``.

        :raises TimeoutError: if there are fewer after so many seconds
        """
        return self._sender.acknowledged.wait_for_count(n, timeout, "acknowledged webhooks")
