"""Reads a webhook's body from a sender that is not verified yet."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.types import Message, Receive

MAX_WEBHOOK_BYTES = 5 * 1024 * 1024
BODY_TIMEOUT = 20.0
"""Seconds within which a body must be complete."""
_BODIES_AT_ONCE = 16


class BodyError(Exception):
    """A body is rejected.

    :param status: the HTTP status to answer with.
    :param reason: one word, for the metric.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class BodyReader:
    """Reads bodies within a limit of memory, however many and however slow the senders are."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._free = _BODIES_AT_ONCE * limit

    async def read(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        """Read one body.

        :raises BodyError: if it is too large, too slow or incomplete.
        """
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length[:20]) > self._limit:
            raise BodyError(413, "too_large")
        try:
            # Includes the time before the first byte, for senders that send none.
            async with asyncio.timeout(BODY_TIMEOUT):
                return await self._read(receive)
        except TimeoutError:
            raise BodyError(408, "too_slow") from None

    async def _read(self, receive: Receive) -> bytes:
        message = await receive()
        if message.get("more_body") or message["type"] != "http.request":
            return await self._rest(message, receive)
        # The whole body in one message, as nearly always.
        body: bytes = message.get("body", b"")
        if len(body) > self._limit:
            raise BodyError(413, "too_large")
        return body

    async def _rest(self, message: Message, receive: Receive) -> bytes:
        body = bytearray()
        try:
            while True:
                if message["type"] == "http.disconnect":
                    raise BodyError(400, "broken_off")
                chunk = message.get("body", b"")
                body += chunk
                self._free -= len(chunk)
                if len(body) > self._limit:
                    raise BodyError(413, "too_large")
                if self._free < 0:
                    raise BodyError(503, "busy")
                if not message.get("more_body"):
                    return bytes(body)
                message = await receive()
        finally:
            self._free += len(body)
