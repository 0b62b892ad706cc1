"""One POST over HTTP, and the evidence of whether any byte of it was written."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from airflow_provider_voiceinfra.calls.http_response import FinalResponse, is_quiet
from airflow_provider_voiceinfra.network import environment_settings

MAX_ANSWER_BYTES = 1 << 16

KEPT_FOR = 1.0
"""Seconds for which an idle connection is used again: servers keep theirs for longer, and say when they do not."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for a POST: to connect, to wait for the head of the answer, and to read the rest of it."""

    connect: float = 10.0
    read: float = 30.0
    body: float = 10.0


Gate = Callable[[], object]
"""Called right before the first byte of a request, with the connection made; raises to send nothing."""


def open_gate() -> None:
    """Send the request at once."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. ``body`` is None if it could not be read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None


class NotWrittenError(Exception):
    """No byte of the request was written."""


class ServerSpokeError(NotWrittenError):
    """The server sent something or closed the connection before the request: its next answer may not be to ours."""


class NoAnswerError(Exception):
    """The request was written, at least in part, and no status came back."""


class Transport:
    """Sends POSTs: no redirect is followed, nothing is sent twice.

    Each thread has a connection of its own, which is used again only after a complete, unambiguous answer, and only
    while it cannot have been closed for being idle: bytes written to a closed connection may or may not be received.
    """

    def __init__(self) -> None:
        self._thread = threading.local()

    def post(
        self, url: str, *, headers: Mapping[str, str], body: bytes, timeouts: Timeouts, gate: Gate = open_gate
    ) -> Answer:
        """Send one POST.

        What was written is observed at the socket, because exceptions do not show it: ``requests`` raises the same
        ``SSLError`` for a failed handshake and for a connection that broke after the server received the body.

        :param gate: called right before the first byte; if it raises, nothing was written.
        :raises NotWrittenError: if the request cannot have been received.
        :raises NoAnswerError: if it may have been received.
        """
        connection = self._take()
        try:
            try:
                answer = connection.exchange(url, headers, body, timeouts, gate)
            except ServerSpokeError:
                # On a kept connection; a new one has nothing left over.
                connection.close()
                answer = connection.exchange(url, headers, body, timeouts, gate)
        except BaseException:
            connection.close()
            raise
        if connection.reusable:
            self._keep(connection)
        else:
            connection.close()
        return answer

    def drop(self) -> None:
        """Close the thread's connection, whose next answer may be to another request."""
        self._take().close()

    def _take(self) -> _Connection:
        """Take the thread's connection, or make one."""
        kept: tuple[_Connection, float, int] | None = self._thread.__dict__.pop("kept", None)
        if kept is not None:
            connection, since, process = kept
            if time.monotonic() - since < KEPT_FOR and process == os.getpid():
                return connection
        return _Connection()

    def _keep(self, connection: _Connection) -> None:
        connection.forget_gate()
        # A forked child would share it.
        self._thread.kept = (connection, time.monotonic(), os.getpid())


class _Connection:
    """A connection with its proxies and certificates. It follows no redirects and keeps no cookies."""

    def __init__(self) -> None:
        self._adapter = _WitnessAdapter()
        self._environment_settings: Mapping[str, Any] = {}
        self.reusable = False

    def exchange(self, url: str, headers: Mapping[str, str], body: bytes, timeouts: Timeouts, gate: Gate) -> Answer:
        """Send one POST; see :meth:`Transport.post`."""
        self._adapter.begin(gate)
        self.reusable = False
        try:
            # Prepared without a session, which would add the user's ~/.netrc.
            request = requests.Request("POST", url, headers=dict(headers), data=body).prepare()
            self._environment_settings = self._environment_settings or environment_settings(url)
            timeout = (timeouts.connect, timeouts.read)
            response = self._adapter.send(request, stream=True, timeout=timeout, **self._environment_settings)
        except ServerSpokeError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the witness knows
            if self._adapter.closed_by is not None:
                raise self._adapter.closed_by from None
            reason = _error_name(error)
            raise (NoAnswerError(reason) if self._adapter.wrote else NotWrittenError(reason)) from None
        final = self._adapter.final
        if final is not None:
            final.read_until(time.monotonic() + timeouts.body)
        content = _read(response)
        self.reusable = content is not None and final is not None and final.reusable
        return Answer(response.status_code, response.headers, content)

    def forget_gate(self) -> None:
        """Forget the request: an idle thread that kept it would keep its own pool, and so would never end."""
        self._adapter.begin(open_gate)

    def close(self) -> None:
        """Close it."""
        self._adapter.close()


def _read(response: requests.Response) -> bytes | None:
    content = b""
    try:
        while chunk := response.raw.read1(MAX_ANSWER_BYTES, decode_content=True):
            content += chunk
            if len(content) > MAX_ANSWER_BYTES:
                return None
    except HTTPError:
        return None
    return content


def _error_name(error: BaseException) -> str:
    """Return the name of an error, whose message is long and repeats addresses."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return type(reason if reason is not None else error).__name__


class _Witnessed:
    """Marks connection classes that report to the adapter before they write."""


class _WitnessAdapter(HTTPAdapter):
    """Knows whether a byte of the request was written: TLS and a proxy's CONNECT come before that."""

    final: FinalResponse | None = None

    def __init__(self) -> None:
        super().__init__(max_retries=0)
        self.begin(open_gate)

    def begin(self, gate: Gate) -> None:
        """Prepare for a request."""
        self._gate = gate
        self.wrote = False
        self.closed_by: Exception | None = None

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        # Without a witness, it may have been written.
        self.wrote, self.final = True, None
        return super().send(*args, **kwargs)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        self.wrote = False
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if not issubclass(pool.ConnectionCls, _Witnessed):
            pool.ConnectionCls = self._witnessed(pool.ConnectionCls)
        return pool

    def begin_to_write(self, sock: socket.socket) -> None:
        """Note that bytes are written from here on, unless the gate is closed or the server sent something first."""
        if not self.wrote:
            try:
                self._gate()
            except Exception as error:
                self.closed_by = error
                raise
            if not is_quiet(sock):
                raise ServerSpokeError("the server sent something or closed the connection before the request")
        self.wrote = True

    def _witnessed(self, connection_class: type) -> type:
        adapter = self

        class Witnessed(connection_class, _Witnessed):  # type: ignore[misc]
            _connecting = False

            def response_class(self, *args: Any, **kwargs: Any) -> FinalResponse:
                adapter.final = FinalResponse(*args, **kwargs)
                return adapter.final

            def connect(self) -> None:
                self._connecting = True
                try:
                    super().connect()
                finally:
                    self._connecting = False

            def send(self, data: Any) -> None:
                if self.sock is None:
                    self.connect()
                if not self._connecting:
                    adapter.begin_to_write(self.sock)
                super().send(data)

        return Witnessed
