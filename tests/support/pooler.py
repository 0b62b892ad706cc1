"""A pooler in transaction mode, as PgBouncer is one: each transaction of a client may get another server's session."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# What PgBouncer takes of a client unless `ignore_startup_parameters` names more.
TAKEN = {"user", "database", "client_encoding", "datestyle", "timezone", "standard_conforming_strings"}
TAKEN |= {"application_name"}
_ENCRYPTION = {80877103, 80877104}


@contextmanager
def pooling(unix_socket: str) -> Iterator[int]:
    """Run a pooler in front of a server that trusts everybody; gives its port.

    Every client has two sessions, which its transactions get in turn.

    :param unix_socket: the server's.
    """

    class Client(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            startup = _read_startup(self.request)
            fields = startup[8:].split(b"\0")
            refused = {name.decode() for name in fields[::2] if name} - TAKEN
            if refused:
                fields = b"SFATAL\0C08P01\0Munsupported startup parameter: " + ", ".join(sorted(refused)).encode()
                self.request.sendall(_message(b"E", fields + b"\0\0"))
                return
            sessions = [_Session(unix_socket, startup) for _ in range(2)]
            self.request.sendall(sessions[0].greeting)
            try:
                self._serve(sessions)
            finally:
                for session in sessions:
                    session.close()

        def _serve(self, sessions: list[_Session]) -> None:
            while True:
                kind, message = _read_message(self.request)
                if kind in {b"X", b""}:
                    return
                sessions[0].socket.sendall(message)
                # A query, or the end of an extended one; what comes before that is not answered yet.
                if kind in {b"Q", b"S"} and sessions[0].answer(self.request) == b"I":
                    sessions.reverse()

    class Pooler(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Pooler(("127.0.0.1", 0), Client) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


class _Session:
    def __init__(self, unix_socket: str, startup: bytes) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(unix_socket)
        self.socket.sendall(startup)
        self.greeting = b""
        kind = b""
        while kind not in {b"Z", b"E"}:
            kind, message = _read_message(self.socket)
            self.greeting += message

    def answer(self, client: socket.socket) -> bytes:
        """Hand on all of an answer; gives whether a transaction goes on after it."""
        kind = b""
        while kind != b"Z":
            kind, message = _read_message(self.socket)
            client.sendall(message)
        return message[-1:]

    def close(self) -> None:
        self.socket.close()


def _read_startup(client: socket.socket) -> bytes:
    while True:
        head = _read(client, 8)
        length, code = struct.unpack("!II", head)
        if code not in _ENCRYPTION:
            return head + _read(client, length - 8)
        client.sendall(b"N")


def _read_message(peer: socket.socket) -> tuple[bytes, bytes]:
    head = _read(peer, 5)
    if not head:
        return b"", b""
    return head[:1], head + _read(peer, struct.unpack("!I", head[1:])[0] - 4)


def _message(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("!I", len(content) + 4) + content


def _read(peer: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = peer.recv(count - len(data))
        if not more:
            return b""
        data += more
    return data
