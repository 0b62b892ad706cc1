"""The listening socket and its connections, each with a thread of its own."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import sys
import threading
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from airflow_provider_voiceinfra.sandbox.handler import Handler

if TYPE_CHECKING:
    from airflow_provider_voiceinfra.sandbox.handler import Routes

POLL_SECONDS = 0.01


class HttpServer(ThreadingHTTPServer):
    """Listens from the moment it is made, and leaves no thread when it stops.

    :param host: address to listen at
    :param port: 0 for any that is free
    :param routes: what answers which path and method
    :param stopping: once set, nothing is answered any more
    """

    request_queue_size = 1024

    def __init__(self, host: str, port: int, routes: Routes, stopping: threading.Event) -> None:
        self.routes = routes
        self.stopping = stopping
        self._lock = threading.Lock()
        self._connections: dict[threading.Thread, socket.socket] = {}
        super().__init__((host, port), Handler)
        self._listener = threading.Thread(target=self._listen, name="sandbox-http", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
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
        """Bind without the look-up of the host's name, which can take seconds."""
        socketserver.TCPServer.server_bind(self)

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
        """Let clients hang up as they please; anything else is a mistake in the sandbox."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def _listen(self) -> None:
        self.serve_forever(POLL_SECONDS)
