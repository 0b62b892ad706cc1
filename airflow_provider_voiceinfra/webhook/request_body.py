"""Reading a webhook's body from somebody who is not known yet."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.types import Message, Receive

MAX_WEBHOOK_BYTES = 5 * 1024 * 1024
BODY_TIMEOUT = 20.0
"""Seconds in which a body must have come."""
_BODIES_AT_ONCE = 16


class BodyError(Exception):
    """A body is not taken.

    :param status: of the answer.
    :param reason: a word for it.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class BodyReader:
    """Reads bodies, of which only so many bytes are held at once, however many senders there are and however slow.

    :param limit: bytes of one body; more is not read.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._free = _BODIES_AT_ONCE * limit

    async def read(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        """Read one body.

        :raises BodyError: if it is too large, too slow or broken off.
        """
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length[:20]) > self._limit:
            raise BodyError(413, "too_large")
        try:
            # From before the first byte on: whoever sends none at all is not waited for either.
            async with asyncio.timeout(BODY_TIMEOUT):
                return await self._read(receive)
        except TimeoutError:
            raise BodyError(408, "too_slow") from None

    async def _read(self, receive: Receive) -> bytes:
        message = await receive()
        if message.get("more_body") or message["type"] != "http.request":
            return await self._rest(message, receive)
        # All of it came at once, as nearly always.
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
