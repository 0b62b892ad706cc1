"""The simulated VoiceInfra, put together."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

from airflow_provider_voiceinfra.sandbox.accepted_calls import AcceptedCalls, Ending
from airflow_provider_voiceinfra.sandbox.call_endpoint import CallEndpoint, Pace
from airflow_provider_voiceinfra.sandbox.control import Control
from airflow_provider_voiceinfra.sandbox.http_server import HttpServer
from airflow_provider_voiceinfra.sandbox.log import Log
from airflow_provider_voiceinfra.sandbox.outbound import Account
from airflow_provider_voiceinfra.sandbox.schedule import Schedule
from airflow_provider_voiceinfra.sandbox.sender import WebhookSender

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from airflow_provider_voiceinfra.sandbox.records import Delivery, Dial, Refusal
    from airflow_provider_voiceinfra.sandbox.scenarios import Outcome

AGENTS = ("agent_sandbox",)
FROM_NUMBERS = ("+14155550199",)


class Sandbox:
    """A VoiceInfra on this machine: takes calls, rings nobody, and sends its webhooks.

    :param port: 0 for any that is free
    :param host: address to listen at
    :param api_key: the account's only key
    :param agents: the account's agents
    :param from_numbers: the account's numbers
    :param webhook_url: where the webhooks go; None sends none
    :param secret: signs the webhooks
    :param delay: shortest and longest seconds that a call takes; None: until ``complete``
    :param slow_answer: seconds until a slow answer
    :param late: seconds by which a late webhook is late
    :param answer_delay: seconds that the answer to each accepted call takes
    :param retry_after: seconds that a 429 asks to wait
    :param extracted_field: the webhook's name for extracted data
    :param webhook_workers: how many webhooks are sent at the same time
    :param on_dial: called with each accepted call, in the thread that answers it
    :param on_delivery: called with each try to deliver a webhook, in the thread that sends it
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
        secret: str = "sandbox-secret",  # noqa: S107 - it protects nothing
        delay: tuple[float, float] | None = (1.0, 3.0),
        slow_answer: float = 45.0,
        late: float = 60.0,
        answer_delay: float = 0.0,
        retry_after: int = 1,
        extracted_field: str = "extracted_data",
        webhook_workers: int = 8,
        on_dial: Callable[[Dial], None] | None = None,
        on_delivery: Callable[[Delivery], None] | None = None,
    ) -> None:
        self._dials = Log(on_dial)
        self._refused: Log[Refusal] = Log()
        self._started = False
        self._stopping = threading.Event()
        self._schedule = Schedule()
        self._sender = WebhookSender(
            url=webhook_url,
            secret=secret,
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
            extracted_field=extracted_field,
        )
        endpoint = CallEndpoint(
            account=Account(api_key, agents, from_numbers),
            calls=self._calls,
            refused=self._refused,
            sender=self._sender,
            pace=Pace(answer_delay, slow_answer, retry_after),
            stopping=self._stopping,
        )
        routes = {
            "/v1/calls/outbound": {"POST": endpoint.post},
            **Control(self._calls, self._dials).routes(),
        }
        self._http = HttpServer(host, port, routes, self._stopping)

    def start(self) -> Self:
        """Begin to answer; only once."""
        self._started = True
        self._schedule.start()
        self._sender.start()
        self._http.start()
        return self

    def stop(self) -> None:
        """End at once: open connections are closed, calls and webhooks under way are dropped."""
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
        """The base URL, as a connection's host has it."""
        host, port = self._http.server_address[:2]
        return f"http://{host!s}:{port}/v1"

    @property
    def webhook_url(self) -> str | None:
        """Where the webhooks go; may be set at any time, and holds for those that are sent again."""
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
        """Every try to deliver a webhook, in order."""
        return self._sender.deliveries.entries()

    def outcome(self, number: str, outcome: Outcome, **fields: object) -> None:
        """From now on, have calls to this number end so; how they are answered stays the scenario's.

        :param fields: replace or add to the fields of the webhook, such as ``summary="…"``
        """
        self._calls.decide(number, Ending(outcome, fields))

    def complete(self, call_id: str, outcome: Outcome | None = None, **fields: object) -> None:
        """End a call now; its webhook goes out at once, also if the scenario has it late or never.

        A call that has ended already gets another webhook.

        :param outcome: None for the number's
        :param fields: replace or add to the fields of the webhook
        :raises LookupError: if there is no such call
        """
        self._calls.complete(call_id, Ending(outcome, fields))

    def wait_for_dials(self, n: int, timeout: float = 10.0) -> list[Dial]:
        """Return the accepted calls as soon as there are ``n``.

        :param timeout: seconds
        :raises TimeoutError: if there are fewer by then
        """
        return self._dials.wait_for_count(n, timeout, "dials")

    def wait_for_deliveries(self, n: int, timeout: float = 10.0) -> list[Delivery]:
        """Return the webhooks that were answered 200 as soon as there are ``n``.

        :param timeout: seconds
        :raises TimeoutError: if there are fewer by then
        """
        return self._sender.acknowledged.wait_for_count(n, timeout, "acknowledged webhooks")
