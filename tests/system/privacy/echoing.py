"""A VoiceInfra that repeats what it was sent, in every way in which an answer can."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import quote

from tests.serving import serving


def answers(body: str, key: str) -> dict[str, tuple[str, dict[str, str], str]]:
    """Return the answers by the last two digits of the number: status line, headers, body."""
    fields = json.loads(body)
    words = " ".join(str(value) for value in fields.values())
    error = {"code": words, "message": f"{key}: {body}"}
    return {
        "00": ("400 Bad", {}, json.dumps({"error": error})),
        "01": ("422 Bad", {}, json.dumps({"error": {"code": "invalid_phone", "message": json.dumps(body)}})),
        "02": ("500 Bad", {"X-Why": quote(words)}, words),
        "03": ("200 OK", {}, words),
        "04": ("302 Found", {"Location": f"http://127.0.0.1:9/?why={quote(words)}"}, words),
        "05": ("400 Bad", {}, json.dumps({"error": {"code": "invalid", "message": quote(words)}})),
        "06": ("200 OK", {}, json.dumps({"call_id": words})),
        "07": (quote(words), {}, words),
    }


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        status, headers, content = answers(body, self.headers["X-API-Key"])[json.loads(body)["to_number"][-2:]]
        told = {"Content-Length": str(len(content.encode())), "Connection": "close"} | headers
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in told.items())]
        self.wfile.write("\r\n".join([*lines, "", content]).encode())


@contextmanager
def echoing() -> Iterator[str]:
    """Run it; gives its base URL."""
    with serving(_Handler) as url:
        yield f"{url}/v1"
