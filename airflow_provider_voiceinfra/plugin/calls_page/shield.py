"""What every answer of the Calls page says to browsers, and which requests it believes."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from airflow.sdk import conf
from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        # Recordings are where VoiceInfra keeps them; the sandbox is on this machine.
        "media-src https: http://127.0.0.1:* http://localhost:*",
        "form-action 'self'",
        # Airflow shows the page in a frame.
        "frame-ancestors 'self'",
        "base-uri 'none'",
    )
)
_NOT_OURS = "Only the Calls page itself may ask for this."
_FORM = "application/x-www-form-urlencoded"
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "SAMEORIGIN",
}


class Shield:
    """Tells browsers to run nothing but our own scripts, and lets nothing be changed from another site.

    :param app: the application behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def send_shielded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        app = self._app
        if scope["type"] == "http" and scope["method"] not in {"GET", "HEAD"}:
            headers = Headers(scope=scope)
            if not is_ours(headers):
                app = PlainTextResponse(_NOT_OURS, status_code=403)
            elif headers.get("content-type", _FORM).partition(";")[0] != _FORM:
                # Files would be written to the disk before anybody is asked to sign in.
                app = PlainTextResponse("The Calls page sends its forms as text.", status_code=415)
        await app(scope, receive, send_shielded)


def is_ours(headers: Mapping[str, str]) -> bool:
    """Tell whether a request comes from a page of this site: another site can make a browser send it, but not so."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    # Browsers tell the site only where the connection is safe; the origin they always tell.
    origin = urlsplit(headers.get("origin", ""))
    hosts = {headers.get("host"), urlsplit(conf.get("api", "base_url", fallback="")).netloc}
    return bool(origin.netloc) and origin.netloc in hosts


def is_by_script(headers: Mapping[str, str]) -> bool:
    """Tell whether our script sends a request: another site would have to ask first, and is not answered."""
    return headers.get("hx-request") == "true"


async def must_act_by_script(request: Request) -> None:
    """Refuse an act of a bare form, which whoever can put markup into a page of this site could write.

    :raises HTTPException: 403.
    """
    if request.method == "POST" and not is_by_script(request.headers):
        raise HTTPException(403, _NOT_OURS)
