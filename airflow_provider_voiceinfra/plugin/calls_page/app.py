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

from airflow_provider_voiceinfra import paths
from airflow_provider_voiceinfra.plugin.calls_page import (
    actions,
    calls,
    do_not_call,
    export,
    list_rows,
    lists,
    overview,
    pauses,
    webhooks,
)
from airflow_provider_voiceinfra.plugin.calls_page.csrf import CsrfProtection
from airflow_provider_voiceinfra.plugin.calls_page.permissions import get_permissions
from airflow_provider_voiceinfra.plugin.calls_page.rendering import STATIC, templates
from airflow_provider_voiceinfra.plugin.calls_page.security_headers import SecurityHeaders
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import StoreError

log = logging.getLogger(__name__)


def create_calls_page(store: CallStore) -> FastAPI:
    """Make the application, all of whose routes require a session.

    Only scripts and styles, which contain no data, are public.
    """
    app = FastAPI(
        dependencies=[Depends(get_permissions)],
        middleware=[Middleware(SecurityHeaders), Middleware(CsrfProtection)],
        exception_handlers={
            HTTPException: _http_error,
            RequestValidationError: _invalid_request,
            StoreError: _store_unavailable,
        },
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.store = store
    # Before the routes whose path is a name.
    app.mount("/static", _Static(directory=STATIC), name="static")
    for module in (overview, webhooks, lists, list_rows, pauses, do_not_call, export, actions, calls):
        app.include_router(module.router)
    return app


class _Static(StaticFiles):
    """Scripts and styles, which a browser revalidates each time."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response: Response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "no-cache"
        return response


def _error_page(status: int, sentence: str) -> Response:
    shown = {"base": paths.calls_path(), "airflow": paths.airflow_path(), "status": status, "sentence": sentence}
    return HTMLResponse(templates().get_template("error.html").render(shown), status_code=status)


async def _http_error(_: Request, error: HTTPException) -> Response:
    return _error_page(error.status_code, str(error.detail))


async def _invalid_request(_: Request, __: RequestValidationError) -> Response:
    # Its own message would repeat the values.
    return _error_page(422, "Invalid request.")


async def _store_unavailable(_: Request, error: StoreError) -> Response:
    log.error("%s", error)
    return _error_page(503, "The call store is not available: see the API server's log.")
