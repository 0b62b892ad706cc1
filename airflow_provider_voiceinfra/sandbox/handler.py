"""HTTP by hand: the answers go out as their scenario has it, whole, half, or not at all."""

from __future__ import annotations

import socket
import struct
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

from airflow_provider_voiceinfra.sandbox.replies import Reply, error
from airflow_provider_voiceinfra.sandbox.scenarios import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from email.message import Message

    from airflow_provider_voiceinfra.sandbox.http_server import HttpServer

    # By path and method: what answers the headers and the body.
    Routes = Mapping[str, Mapping[str, Callable[[Message, bytes], Reply]]]


class Handler(BaseHTTPRequestHandler):
    """One connection: reads requests, has the server's routes answer them, sends what they say."""

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
        """Answer what is not proper HTTP, in the API's shape."""
        self.close_connection = True
        unknown_method = code == 501  # noqa: PLR2004
        status, name = (405, "method_not_allowed") if unknown_method else (code, "bad_request")
        self._send(error(status, name, explain or message or "This is not HTTP"))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: the sandbox has its own records."""

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            return None
        return self.rfile.read(int(length))

    def _reply(self, body: bytes) -> Reply:
        path = self.path.partition("?")[0]
        methods = self.server.routes.get(path)
        if methods is None:
            return error(404, "not_found", f"There is nothing at {path}")
        answer = methods.get(self.command)
        if answer is None:
            message = f"{path} does not take {self.command}"
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
        """Close with RST in place of FIN."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())
