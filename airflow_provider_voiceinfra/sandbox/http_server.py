"""The sandbox's HTTP server, written by hand to send answers in full, in part, or not at all."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import sys
import threading
from collections.abc import Callable, Mapping
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from airflow_provider_voiceinfra.sandbox.replies import Reply, error
from airflow_provider_voiceinfra.sandbox.scenarios import Answer

Routes = Mapping[str, Mapping[str, Callable[[Message, bytes], Reply]]]
"""The handlers of headers and body, by path and method."""

POLL_SECONDS = 0.01


class HttpServer(ThreadingHTTPServer):
    """Listens as soon as it is created, and leaves no thread when it stops.

    :param port: port to listen on; 0 for any free one
    :param stopping: no request is answered once it is set
    """

    request_queue_size = 1024

    def __init__(self, host: str, port: int, routes: Routes, stopping: threading.Event) -> None:
        self.routes = routes
        self.stopping = stopping
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, socket.socket] = {}
        super().__init__((host, port), _Handler)
        self._listener = threading.Thread(target=self._listen, name="sandbox-http", daemon=True)

    def start(self) -> None:
        """Start to answer requests."""
        self._listener.start()

    def stop(self) -> None:
        """Close all connections and wait for their threads."""
        if self._listener.is_alive():
            self.shutdown()
            self._listener.join()
        self.server_close()
        with self._lock:
            connections = dict(self._connections)
        for connection in connections.values():
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in connections:
            thread.join()

    def server_bind(self) -> None:
        """Bind without looking up the host's name, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_port = self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread that ``stop`` can find."""
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            name="sandbox-connection",
            daemon=True,
        )
        with self._lock:
            self._connections[thread] = request
        thread.start()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection until it ends."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                del self._connections[threading.current_thread()]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect; report other errors, which are bugs in the sandbox."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def _listen(self) -> None:
        self.serve_forever(POLL_SECONDS)


class _Handler(BaseHTTPRequestHandler):
    """Handles one connection: reads requests, and sends the replies of their routes."""

    server: HttpServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def serve(self) -> None:
        """Answer one request, whatever its method."""
        body = self._body()
        if body is None:
            self.close_connection = True
            self._send(error(400, "validation_error", "The body needs a valid Content-Length"))
        else:
            self._send(self._reply(body))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = serve  # noqa: N815

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer invalid HTTP with an error in the API's format."""
        self.close_connection = True
        unknown_method = code == 501  # noqa: PLR2004
        status, name = (405, "method_not_allowed") if unknown_method else (code, "bad_request")
        self._send(error(status, name, explain or message or "Invalid HTTP request"))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing: the sandbox has its own records."""

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            return None
        return self.rfile.read(int(length))

    def _reply(self, body: bytes) -> Reply:
        path = self.path.partition("?")[0]
        methods = self.server.routes.get(path)
        if methods is None:
            return error(404, "not_found", f"{path} does not exist")
        answer = methods.get(self.command)
        if answer is None:
            message = f"{path} does not accept {self.command}"
            return error(405, "method_not_allowed", message, ("Allow", ", ".join(methods)))
        return answer(self.headers, body)

    def _send(self, reply: Reply) -> None:
        if self.server.stopping.is_set() or reply.answer is Answer.CLOSED:
            self.close_connection = True
        elif reply.answer is Answer.RESET:
            self._reset()
        else:
            self._write(reply)

    def _write(self, reply: Reply) -> None:
        cut_off = reply.answer is Answer.CUT_OFF
        self.close_connection = self.close_connection or cut_off
        if reply.answer is Answer.AFTER_INTERIM:
            for status in (102, 103):
                self.send_response_only(status)
                self.end_headers()
        self.send_response_only(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body[: len(reply.body) // 2] if cut_off else reply.body)

    def _reset(self) -> None:
        """Close with RST instead of FIN."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())
