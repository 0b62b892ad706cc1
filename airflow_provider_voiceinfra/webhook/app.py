"""The receiver as an ASGI application."""

from __future__ import annotations

from collections.abc import Collection

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.webhook.receiver import Receiver

DEFAULT_CONN_ID = "voiceinfra_default"
MAX_WEBHOOK_BYTES = 5 * 1024 * 1024


class BodyTooLargeError(Exception):
    """More bytes came than a webhook may have."""


def create_app(
    receiver: Receiver,
    *,
    conn_ids: Collection[str] = (DEFAULT_CONN_ID,),
    max_bytes: int = MAX_WEBHOOK_BYTES,
) -> Starlette:
    """Make the application, to be mounted under ``/voiceinfra``.

    ``POST /webhook`` and ``POST /webhook/{conn_id}`` take webhooks; ``GET /health`` says whether they can.

    :param conn_ids: the connections that have a webhook here; for any other, nothing is looked up.
    :param max_bytes: of a webhook's body; more is not read.
    """

    async def webhook(request: Request) -> Response:
        conn_id = request.path_params.get("conn_id", DEFAULT_CONN_ID)
        if conn_id not in conn_ids:
            return Response(status_code=404)
        try:
            body = await _body(request, max_bytes)
        except BodyTooLargeError:
            return Response(status_code=413)
        except ClientDisconnect:
            return Response(status_code=400)
        status = await run_in_threadpool(receiver.receive, request.headers, body, conn_id=conn_id)
        return Response(status_code=status)

    async def health(_: Request) -> Response:
        try:
            await run_in_threadpool(receiver.store.check)
        except StoreError:
            return JSONResponse({"status": "the call store cannot be used"}, status_code=503)
        return JSONResponse({"status": "ok"})

    return Starlette(
        routes=[
            Route("/webhook", webhook, methods=["POST"]),
            Route("/webhook/{conn_id}", webhook, methods=["POST"]),
            Route("/health", health, methods=["GET"]),
        ]
    )


async def _body(request: Request, max_bytes: int) -> bytes:
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length[:20]) > max_bytes:
        raise BodyTooLargeError
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            raise BodyTooLargeError
        chunks.append(chunk)
    return b"".join(chunks)
