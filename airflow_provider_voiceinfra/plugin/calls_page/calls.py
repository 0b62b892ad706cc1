"""The list of calls, and one call."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from airflow_provider_voiceinfra import paths
from airflow_provider_voiceinfra.calls.transcript import conversation
from airflow_provider_voiceinfra.network import is_loopback
from airflow_provider_voiceinfra.plugin.calls_page.csrf import is_from_script
from airflow_provider_voiceinfra.plugin.calls_page.permissions import Permissions, PermissionsDep
from airflow_provider_voiceinfra.plugin.calls_page.rendering import render
from airflow_provider_voiceinfra.plugin.calls_page.search import FIELDS, Search, SearchDep, query_of
from airflow_provider_voiceinfra.plugin.calls_page.store import StoreDep
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.claims.recovery import Candidates
from airflow_provider_voiceinfra.store.models import OUTCOMES, Call, CallState
from airflow_provider_voiceinfra.store.reads.call_pages import CallPage

_LONGEST_URL = 4_000

router = APIRouter()


@router.get("/")
def list_calls(request: Request, store: StoreDep, permissions: PermissionsDep, search: SearchDep) -> Response:
    """Show calls, newest first."""
    page = search.read(store.pages, permissions)
    dag_ids = [dag_id for dag_id in store.pages.dag_ids() if permissions.may_read(dag_id)]
    form = dict.fromkeys(FIELDS, "") | dict(search.given) | {"digits": search.digits_for(permissions)}
    shown: dict[str, Any] = {"form": form, "states": list(CallState), "outcomes": OUTCOMES, "dag_ids": dag_ids}
    return render(request, "calls.html", permissions, **_found(page, search), **shown)


@router.post("/find")
async def find_calls(request: Request) -> Response:
    """Redirect to the results of the form, whose fields are posted because servers log URLs and numbers are private.

    A browser posts the form itself if it is submitted before the scripts have loaded.
    """
    form = {name: str(value) for name, value in (await request.form()).items()}
    path = f"{paths.calls_path()}/?{query_of(form)}"
    if not is_from_script(request.headers):
        return RedirectResponse(path, status_code=303)
    found = {"target": "#found", "select": "#found", "swap": "outerHTML"}
    return Response(status_code=204, headers={"HX-Location": json.dumps({"path": path} | found)})


@router.get("/rows")
def list_rows(request: Request, store: StoreDep, permissions: PermissionsDep, search: SearchDep) -> Response:
    """Refresh the list of calls; 204 if the visitor has this version."""
    found = _found(search.read(store.pages, permissions), search)
    if request.query_params.get("seen") == found["version"]:
        return Response(status_code=204)
    return render(request, "rows.html", permissions, **found)


@router.get("/{ref}")
def show_call(request: Request, store: StoreDep, permissions: PermissionsDep, ref: str) -> Response:
    """Show a call by its ref; redirect there from its ``call_id``."""
    call = find_call(store, permissions, ref)
    if call.ref != ref:
        return RedirectResponse(f"{paths.calls_path()}/{call.ref}", status_code=303)
    return render(request, "call.html", permissions, **_shown(store, permissions, call))


@router.get("/{ref}/now")
def show_call_now(request: Request, store: StoreDep, permissions: PermissionsDep, ref: str) -> Response:
    """Refresh a call; 204 if the visitor has this version."""
    shown = _shown(store, permissions, find_call(store, permissions, ref))
    if request.query_params.get("seen") == shown["version"]:
        return Response(status_code=204)
    return render(request, "call_now.html", permissions, **shown)


def find_call(store: CallStore, permissions: Permissions, ref: str) -> Call:
    """Find a call that they may see.

    :raises HTTPException: 404, if it does not exist or they may not see it.
    """
    call = store.calls.get(ref)
    if call is None:
        raise HTTPException(404, "This call does not exist, or you do not have permission to see it.")
    permissions.require_read(call.source.dag_id)
    return call


def _found(page: CallPage, search: Search) -> dict[str, Any]:
    # Of all columns: rows that look the same may link to different pages.
    version = hashlib.sha256(repr(page).encode()).hexdigest()[:16]
    return {"page": page, "search": search, "version": version}


def _shown(store: CallStore, permissions: Permissions, call: Call) -> dict[str, Any]:
    """Give the values of a call's page; numbers and content only where the visitor may read them."""
    dag_id, said = call.source.dag_id, call.completion
    may_read_content = permissions.may_read_content(dag_id)
    unknown = call.state == CallState.UNKNOWN
    candidates = store.resolutions.candidates(call.ref) if unknown else Candidates()
    history = store.calls.history(call.id)
    deliveries = store.pages.deliveries(call.call_id) if call.call_id else []
    version = hashlib.sha256(repr((call, history, deliveries, candidates)).encode()).hexdigest()[:16]
    return {
        "call": call,
        "may_read_content": may_read_content,
        "may_edit": permissions.may_edit(dag_id),
        "history": history,
        "deliveries": deliveries,
        **candidates._asdict(),
        "said": said if may_read_content else None,
        "turns": conversation(said.transcript) if may_read_content and said and said.transcript else [],
        "recording": playable(said.recording_url) if may_read_content and said else None,
        "version": version,
    }


def playable(url: str | None) -> str | None:
    """Give a recording's URL if a browser may safely load it: https, or this machine."""
    if not url or len(url) > _LONGEST_URL or not url.isprintable():
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return None
    safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    return url if safe and host else None
