"""The list of calls, and one call."""

from __future__ import annotations

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
from airflow_provider_voiceinfra.plugin.calls_page.notices import notice_of
from airflow_provider_voiceinfra.plugin.calls_page.search import FIELDS, Search, SearchDep, query_of
from airflow_provider_voiceinfra.plugin.calls_page.visit import Visit, VisitDep, version_of
from airflow_provider_voiceinfra.store.claims.recovery import Candidates
from airflow_provider_voiceinfra.store.models import OUTCOMES, Call, CallState, Completion

_LONGEST_URL = 4_000

router = APIRouter()


@router.get("/")
def list_calls(visit: VisitDep, search: SearchDep) -> Response:
    """Show calls, newest first."""
    form = dict.fromkeys(FIELDS, "") | dict(search.given) | {"q": search.term.shown_to(visit.permissions)}
    recent = search.recent(visit.zone)
    shown: dict[str, Any] = {
        "form": form,
        "recent": recent,
        "states": list(CallState),
        "outcomes": OUTCOMES,
        "dag_ids": visit.dag_ids,
    }
    return visit.render("calls.html", **_found(visit, search), **shown)


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
def list_rows(visit: VisitDep, search: SearchDep) -> Response:
    """Refresh the list of calls; 204 if the visitor has this version."""
    return visit.refresh("rows.html", _found(visit, search))


@router.get("/{ref}")
def show_call(visit: VisitDep, ref: str) -> Response:
    """Show a call by its ref; redirect there from its ``call_id``."""
    call = find_call(visit, ref)
    if call.ref != ref:
        return RedirectResponse(f"{paths.calls_path()}/{call.ref}", status_code=303)
    return visit.render("call.html", **_shown(visit, call))


@router.get("/{ref}/now")
def show_call_now(visit: VisitDep, ref: str) -> Response:
    """Refresh a call; 204 if the visitor has this version."""
    return visit.refresh("call_now.html", _shown(visit, find_call(visit, ref)))


def find_call(visit: Visit, ref: str) -> Call:
    """Find a call that they may see.

    :raises HTTPException: 404, if it does not exist or they may not see it.
    """
    call = visit.store.calls.get(ref)
    if call is None:
        raise HTTPException(404, "This call does not exist, or you do not have permission to see it.")
    visit.permissions.require_read(call.source.dag_id)
    return call


def _found(visit: Visit, search: Search) -> dict[str, Any]:
    page = search.read(visit.store.pages, visit.permissions)

    def read_completions() -> dict[int, Completion | None]:
        """Read what ended calls have to show: only if the page is rendered, because it may be large."""
        ended = [row.id for row in page.rows if row.outcome]
        return {call.id: call.completion for call in visit.store.calls.read(ended)}

    # The version is one of all columns: rows that look the same may link to different pages.
    return {
        "page": page,
        "search": search,
        "read_completions": read_completions,
        "read_range": lambda: search.range_of(page, visit.store.pages, visit.permissions),
        "may_read_content": visit.permissions.may_read_content,
        "version": version_of(page),
    }


def _shown(visit: Visit, call: Call) -> dict[str, Any]:
    """Return the values of a call's page; numbers and content only where the visitor may read them."""
    dag_id = call.source.dag_id
    may_read_content = visit.permissions.may_read_content(dag_id)
    completion = call.completion if may_read_content else None
    unknown = call.state == CallState.UNKNOWN
    candidates = visit.store.resolutions.candidates(call.ref) if unknown else Candidates()
    history = visit.store.calls.history(call.id)
    deliveries = visit.store.pages.deliveries(call.call_id) if call.call_id else []
    attempts = visit.store.pages.of_intent(call.ref)
    return {
        "call": call,
        "may_read_content": may_read_content,
        "may_edit": visit.permissions.may_edit(dag_id),
        "history": history,
        "deliveries": deliveries,
        "attempts": attempts,
        "notice": notice_of(call),
        **candidates._asdict(),
        "completion": completion,
        "turns": conversation(completion.transcript) if completion and completion.transcript else [],
        "recording": playable(completion.recording_url) if completion else None,
        "version": version_of(call, history, deliveries, attempts, candidates),
    }


def playable(url: str | None) -> str | None:
    """Return a recording's URL if a browser may safely load it: https, or this machine."""
    if not url or len(url) > _LONGEST_URL or not url.isprintable():
        return None
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return None
    safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    return url if safe and host else None
