"""Protection against cross-site request forgery: no other site can make a visitor's browser change anything."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from airflow.sdk import conf
from fastapi import HTTPException
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_REJECTED = "This request did not come from the Calls page, so it was rejected."
_FORM = "application/x-www-form-urlencoded"


class CsrfProtection:
    """Rejects requests that change something, unless they come from the same origin and carry a form."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        app = self._app
        if scope["type"] == "http" and scope["method"] not in {"GET", "HEAD"}:
            headers = Headers(scope=scope)
            if not is_same_origin(headers):
                app = PlainTextResponse(_REJECTED, status_code=403)
            elif headers.get("content-type", _FORM).partition(";")[0] != _FORM:
                # Uploaded files would be written to disk before the session is checked.
                app = PlainTextResponse(f"The content type must be {_FORM}.", status_code=415)
        await app(scope, receive, send)


def is_same_origin(headers: Mapping[str, str]) -> bool:
    """Return whether a request comes from a page of this origin, by headers that no page can set."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    # Browsers send Sec-Fetch-Site over secure connections only, and Origin always.
    origin = urlsplit(headers.get("origin", ""))
    hosts = {headers.get("host"), urlsplit(conf.get("api", "base_url", fallback="")).netloc}
    return bool(origin.netloc) and origin.netloc in hosts


def is_from_script(headers: Mapping[str, str]) -> bool:
    """Return whether the page's script sends a request: from another origin, the header takes a permission."""
    return headers.get("hx-request") == "true"


async def require_script(request: Request) -> None:
    """Reject a POST of a plain form, which could come from markup injected into a page of this origin.

    :raises HTTPException: 403.
    """
    if request.method == "POST" and not is_from_script(request.headers):
        raise HTTPException(403, _REJECTED)
