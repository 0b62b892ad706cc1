"""The receiver as an ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.inbox.delivery import Delivery
from airflow_provider_voiceinfra.webhook import signature
from airflow_provider_voiceinfra.webhook.background import count_rejections, log_unserved_calls, set_gauges
from airflow_provider_voiceinfra.webhook.delivery_buffer import DeliveryBuffer, NotStoredError
from airflow_provider_voiceinfra.webhook.forwarder import Forwarder
from airflow_provider_voiceinfra.webhook.health import Health
from airflow_provider_voiceinfra.webhook.metrics import PREFIX, Metrics, NoMetrics
from airflow_provider_voiceinfra.webhook.request_body import MAX_WEBHOOK_BYTES, BodyError, BodyReader
from airflow_provider_voiceinfra.webhook.secrets import WebhookSecrets
from airflow_provider_voiceinfra.webhook.settings import Settings
from airflow_provider_voiceinfra.webhook.spool import Spool
from airflow_provider_voiceinfra.webhook.verification import Verdict, Verification

DEFAULT_CONN_ID = "voiceinfra_default"
_FORWARDED = tuple((name.encode(), name) for name in ("content-type", "x-voiceinfra-event", "x-voiceinfra-signature"))
_EMPTY = [(b"content-length", b"0")]

SIGNATURE = signature.HEADER.lower().encode()
ANSWERS = {Verdict.UNSIGNED: HTTPStatus.UNAUTHORIZED, Verdict.UNVERIFIABLE: HTTPStatus.SERVICE_UNAVAILABLE}


class Webhook:
    """The ASGI endpoint of one connection's webhooks."""

    def __init__(
        self, conn_id: str, buffer: DeliveryBuffer, verification: Verification, bodies: BodyReader, metrics: Metrics
    ) -> None:
        self._conn_id = conn_id
        self._buffer = buffer
        self._verification = verification
        self._bodies = bodies
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            status = await self._receive(dict(scope["headers"]), receive)
        except BodyError as error:
            self._metrics.incr(f"{PREFIX}.rejected.{error.reason}")
            status = error.status
        except NotStoredError:
            self._metrics.incr(f"{PREFIX}.rejected.not_stored")
            status = HTTPStatus.SERVICE_UNAVAILABLE
        await send({"type": "http.response.start", "status": int(status), "headers": _EMPTY})
        await send({"type": "http.response.body"})

    async def _receive(self, headers: dict[bytes, bytes], receive: Receive) -> int:
        body = await self._bodies.read(headers, receive)
        signed = headers.get(SIGNATURE, b"").decode("latin-1")
        if not self._verification.verify_quickly(self._conn_id, body, signed):
            verdict = await run_in_threadpool(self._verification.verify, self._conn_id, body, signed)
            if verdict is not Verdict.VALID:
                return ANSWERS[verdict]
        await self._buffer.add(Delivery.read(self._conn_id, datetime.now(UTC), body, forwarded(headers)))
        return HTTPStatus.OK


def forwarded(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """Select the headers that are forwarded with a webhook; those with control characters are left out."""
    found = {name: headers[key].decode("latin-1").strip() for key, name in _FORWARDED if key in headers}
    return {name: value for name, value in found.items() if value.isprintable()}


class Receiver:
    """Everything that accepts webhooks, in one process.

    :param conn_ids: the connections that have a webhook here; no secret of another one is looked up.
    :param spool: None without a disk that outlives the process.
    """

    def __init__(
        self,
        store: CallStore,
        secrets: WebhookSecrets,
        *,
        conn_ids: Collection[str] = (DEFAULT_CONN_ID,),
        max_bytes: int = MAX_WEBHOOK_BYTES,
        spool: Spool | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        metrics = NoMetrics() if metrics is None else metrics
        self._buffer = DeliveryBuffer(store, spool, metrics)
        verification = Verification(secrets, metrics)
        bodies = BodyReader(max_bytes)
        endpoints = {each: Webhook(each, self._buffer, verification, bodies, metrics) for each in sorted(conn_ids)}
        self.webhooks = {f"/webhook/{conn_id}": endpoint for conn_id, endpoint in endpoints.items()}
        if DEFAULT_CONN_ID in endpoints:
            self.webhooks["/webhook"] = endpoints[DEFAULT_CONN_ID]
        # With a slash at the end too: a redirect might not be followed.
        self.webhooks |= {f"{path}/": endpoint for path, endpoint in self.webhooks.items()}
        self._health = Health(self._buffer, secrets, conn_ids)
        self._loops = (
            self._buffer.run,
            Forwarder(store.forwards).run,
            partial(set_gauges, self._health, metrics),
            partial(count_rejections, verification, store.rejected_webhooks),
            partial(log_unserved_calls, store.connections, conn_ids),
        )

    @classmethod
    def configured(
        cls,
        settings: Settings,
        store: CallStore,
        look_up: Callable[[str], Sequence[str]],
        *,
        metrics: Metrics | None = None,
    ) -> Receiver:
        """Make a receiver from the settings.

        :param look_up: returns the secrets of a connection.
        """
        return cls(
            store,
            WebhookSecrets(look_up),
            conn_ids=settings.webhook_conn_ids,
            max_bytes=settings.max_webhook_bytes,
            spool=settings.spool,
            metrics=metrics,
        )

    @property
    def routes(self) -> list[BaseRoute]:
        """``POST /webhook`` and ``POST /webhook/{conn_id}`` accept webhooks; ``GET /health`` says whether they can."""
        webhooks = [Route(path, endpoint, methods=["POST"]) for path, endpoint in self.webhooks.items()]
        return [*webhooks, Route("/health", self._health.answer, methods=["GET"])]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run what empties the spool and the outbox; at the end, store what was accepted."""
        tasks = [asyncio.create_task(run()) for run in self._loops]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def create_app(receiver: Receiver, *, path: str = "") -> ASGIApp:
    """Make the application of a receiver.

    :param path: prefix of its routes, such as ``/voiceinfra``.
    """

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with receiver.running():
            yield

    others = Starlette(routes=[Mount(path, routes=receiver.routes)] if path else receiver.routes, lifespan=lifespan)
    webhooks = {path + of_webhook: endpoint for of_webhook, endpoint in receiver.webhooks.items()}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        # Routing would take a third of the time of an empty response.
        webhook = webhooks.get(scope["path"]) if scope.get("method") == "POST" else None
        await (webhook or others)(scope, receive, send)

    return app
