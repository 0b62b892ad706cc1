"""One HTTP response, read strictly: which one is final, when it has ended, and whether another one may follow it."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from http import HTTPStatus
from typing import Any

_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class FinalResponse(http.client.HTTPResponse):
    """The final response to a request: interim responses (1xx) before it are skipped, however many there are.

    ``http.client`` skips only 100, takes a 102 or 103 for the final response, and leaves the real one on the
    connection, where the next request would read it as its own.

    Its head must have come within the socket's timeout, as a whole; see :meth:`read_until`.
    """

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self._incoming = _DeadlineReader(sock)
        self.fp = io.BufferedReader(self._incoming)
        self._reusable = False

    @property
    def reusable(self) -> bool:
        """Whether its connection may serve another request, once its body was read to its end.

        Only if its end is unambiguous: a proxy that finds another end would send the rest as the next response.
        """
        return self._reusable and not self._incoming.excess

    def read_until(self, end: float) -> None:
        """Set the time, by :func:`time.monotonic`, until which its body is read."""
        self._incoming.end = end

    def begin(self) -> None:
        """Read the head."""
        super().begin()
        self._reusable = self.version_text == "HTTP/1.1" and self._has_one_end() and not self._is_last()
        # urllib3 would log them, and they may repeat parts of the request.
        self.headers.defects.clear()
        self.headers.set_payload("")

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status >= HTTPStatus.OK or status == HTTPStatus.SWITCHING_PROTOCOLS:
                self.version_text = version
                return version, status, reason
            # It has no body, whatever its headers say.
            http.client.parse_headers(self.fp)

    def _has_one_end(self) -> bool:
        lengths, encodings = self.headers.get_all("Content-Length", []), self.headers.get_all("Transfer-Encoding", [])
        if self.status < HTTPStatus.OK or self.status in _BODILESS or self.headers.defects:
            return False
        if encodings:
            return not lengths and [encoding.strip().lower() for encoding in encodings] == ["chunked"]
        return len(lengths) == 1 and lengths[0].isascii() and lengths[0].isdigit()

    def _is_last(self) -> bool:
        options = ",".join(self.headers.get_all("Connection", [])).lower().split(",")
        return "close" in {option.strip() for option in options}

    def _close_conn(self) -> None:
        if self.fp is not None:
            self._incoming.note_excess(self.fp)
        super()._close_conn()  # type: ignore[misc]


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket until a deadline: the socket's own timeout restarts with each byte."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._raw = sock, sock.makefile("rb", buffering=0)
        timeout = sock.gettimeout()
        self.end = float("inf") if timeout is None else time.monotonic() + timeout
        self.excess = False
        self._over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._over:
            return 0
        left = self.end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def note_excess(self, reader: io.BufferedReader) -> None:
        """Note whether more was read from the socket than the response is long."""
        self._over = True
        self.excess = self.excess or bool(reader.peek(1))

    def close(self) -> None:
        self._raw.close()
        super().close()


def is_quiet(sock: socket.socket) -> bool:
    """Return whether the server has neither sent anything yet nor closed the connection, so that it can be used."""
    timeout = sock.gettimeout()
    sock.settimeout(0)
    try:
        sock.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    finally:
        sock.settimeout(timeout)
    return False
