"""A server made of sockets, which does to each connection what a test says: for evidence of what was written."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

Play = Callable[["Talk"], None]


class Talk:
    """One connection, as the server sees it."""

    def __init__(self, wire: Wire, sock: socket.socket) -> None:
        self.wire = wire
        self.sock = sock
        # What is sent is there at once, also after an answer that the client has not acknowledged yet.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read(self) -> bytes:
        """Take a request, head and body, and count it."""
        data = b""
        while b"\r\n\r\n" not in data:
            if not (more := self.sock.recv(65536)):
                return b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        sizes = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        while sizes and len(body) < int(sizes[0].split(b":")[1]):
            body += self.sock.recv(65536)
        self.wire.requests.append((head.decode("latin-1"), body))
        return body

    def send(self, status: str, *headers: str, body: bytes = b"", length: int | None = None, last: bool = True) -> None:
        """Answer; the last answer of a connection says that it is."""
        size = f"Content-Length: {len(body) if length is None else length}"
        close = ["Connection: close"] if last else []
        self.sock.sendall("\r\n".join([f"HTTP/1.1 {status}", size, *close, *headers, "", ""]).encode() + body)

    def reset(self) -> None:
        """Break the connection off by a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Go on under TLS, as the server."""
        self.sock = context.wrap_socket(self.sock, server_side=True)


class Wire:
    """A server on a port of its own. Each connection gets the next play; the last one is for all that follow."""

    def __init__(self, *plays: Play) -> None:
        self.plays = list(plays)
        self.requests: list[tuple[str, bytes]] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                play = self.plays[min(self.connections, len(self.plays) - 1)]
                self.connections += 1
                threading.Thread(target=self._play, args=(play, sock), daemon=True).start()

    def _play(self, play: Play, sock: socket.socket) -> None:
        talk = Talk(self, sock)
        # The client goes when it likes.
        with contextlib.suppress(OSError):
            play(talk)
        talk.sock.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextlib.contextmanager
def wire(*plays: Play) -> Iterator[Wire]:
    """Run a server for a while."""
    server = Wire(*plays)
    try:
        yield server
    finally:
        server.close()


def answer(status: int, value: Any = None, *headers: str, meanwhile: Callable[[], object] = lambda: None) -> Play:
    """Take the request, and answer it with a JSON body.

    :param meanwhile: what happens between the request and its answer. The request was sent by then: what a play does
        before it reads may come before the permit to send.
    """

    def play(talk: Talk) -> None:
        talk.read()
        meanwhile()
        talk.send(f"{status} Said", *headers, body=json.dumps(value).encode())

    return play


def refuse(status: int, code: str, message: str) -> Play:
    """Answer as VoiceInfra refuses."""
    return answer(status, {"error": {"code": code, "message": message}})


def hang_up(talk: Talk) -> None:
    """Take the request, and close without an answer."""
    talk.read()


def reset_at_once(talk: Talk) -> None:
    """Take the request, and break the connection off."""
    talk.read()
    talk.reset()


def nonsense(talk: Talk) -> None:
    """Take the request, and answer with what is no HTTP."""
    talk.read()
    talk.sock.sendall(b"\0\0\0 what?\r\n\r\n")


def until_the_client_goes(talk: Talk) -> None:
    """Take the request, and say nothing."""
    talk.read()
    talk.sock.recv(1)


def keep_alive(talk: Talk) -> None:
    """Answer whatever comes, over one connection."""
    while talk.read():
        talk.send("200 OK", body=b"{}", last=False)


QUEUED = {"call_id": "call-1", "status": "queued"}
queued = answer(200, QUEUED)


def queued_each(talk: Talk) -> None:
    """Take each request as a call of its own."""
    answer(200, {"call_id": f"call-{uuid.uuid4().hex}", "status": "queued"})(talk)
