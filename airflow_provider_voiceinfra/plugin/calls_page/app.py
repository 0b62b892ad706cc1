"""The Calls page as an application, which Airflow's API server mounts."""

from __future__ import annotations

import logging

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from airflow_provider_voiceinfra.plugin import paths
from airflow_provider_voiceinfra.plugin.calls_page import actions, calls, lists, overview
from airflow_provider_voiceinfra.plugin.calls_page.csrf import CsrfProtection
from airflow_provider_voiceinfra.plugin.calls_page.permissions import get_permissions
from airflow_provider_voiceinfra.plugin.calls_page.rendering import STATIC, templates
from airflow_provider_voiceinfra.plugin.calls_page.security_headers import SecurityHeaders
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import StoreError

log = logging.getLogger(__name__)


def create_calls_page(store: CallStore) -> FastAPI:
    """Make the application. Whatever route it has or will have, nobody gets to it without a session.

    Only scripts and styles, which hold no data, are for everybody.
    """
    app = FastAPI(
        dependencies=[Depends(get_permissions)],
        middleware=[Middleware(SecurityHeaders), Middleware(CsrfProtection)],
        exception_handlers={
            HTTPException: _refused,
            RequestValidationError: _not_understood,
            StoreError: _store_away,
        },
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.store = store
    # Before the routes that take any name.
    app.mount("/static", _Static(directory=STATIC), name="static")
    for module in (overview, lists, actions, calls):
        app.include_router(module.router)
    return app


class _Static(StaticFiles):
    """Scripts and styles; a browser asks whether they have changed."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response: Response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "no-cache"
        return response


def _error_page(status: int, sentence: str) -> Response:
    shown = {"base": paths.calls_path(), "airflow": paths.airflow_path(), "status": status, "sentence": sentence}
    return HTMLResponse(templates().get_template("error.html").render(shown), status_code=status)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - that is what it handles
    return _error_page(error.status_code, str(error.detail))


async def _not_understood(_: Request, __: Exception) -> Response:
    # What was sent is not repeated.
    return _error_page(422, "Something in this request cannot be.")


async def _store_away(_: Request, error: Exception) -> Response:
    log.error("%s", error)
    return _error_page(503, "The call store cannot be used: see the API server's log.")
