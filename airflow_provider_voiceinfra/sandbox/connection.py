"""A persistent HTTP connection that can be cut from another thread.

`requests` cannot be cut, which an immediate stop needs, and is several times as slow per webhook.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import SplitResult, urlsplit

TIMEOUT = 10.0
LONGEST_IDLE = 1.0


class KeptConnection:
    """A connection to the host of the last request; used by one thread, cut by any."""

    def __init__(self) -> None:
        self.is_cut = False
        self._connection: HTTPConnection | None = None
        self._origin = ("", "")
        self._used = 0.0

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Send a POST and return the status; a redirect is not followed.

        :raises OSError: if there is no connection, or no answer within ten seconds
        :raises http.client.HTTPException: if the answer is not HTTP
        """
        try:
            return self._post(urlsplit(url), body, headers)
        except BaseException:
            self.close()
            raise

    def cut(self) -> None:
        """Abort the current request, and all later ones."""
        self.is_cut = True
        connection = self._connection
        if connection is not None and isinstance(connection.sock, socket.socket):
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self, target: SplitResult, body: bytes, headers: Mapping[str, str]) -> int:
        connection = self._connection_to(target)
        if connection.sock is None:
            connection.connect()
        if self.is_cut:
            raise ConnectionAbortedError("the sandbox is stopping")
        path = (target.path or "/") + (f"?{target.query}" if target.query else "")
        connection.request("POST", path, body, dict(headers))
        response = connection.getresponse()
        response.read()
        self._used = time.monotonic()
        return response.status

    def _connection_to(self, target: SplitResult) -> HTTPConnection:
        # The server may close an idle connection just when it is used, so it is replaced before that.
        idle = time.monotonic() - self._used
        if (target.scheme, target.netloc) != self._origin or idle > LONGEST_IDLE:
            self.close()
        if self._connection is None:
            self._origin = (target.scheme, target.netloc)
            kind = HTTPSConnection if target.scheme == "https" else HTTPConnection
            self._connection = kind(target.hostname or "", target.port, timeout=TIMEOUT)
        return self._connection
