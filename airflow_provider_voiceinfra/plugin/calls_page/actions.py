"""Actions on one call: resolving an unknown one, and putting its callee on the do-not-call list.

Each action is confirmed in a form, and recorded with the user's name.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException
from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_voiceinfra.plugin.calls_page.calls import find_call
from airflow_provider_voiceinfra.plugin.calls_page.csrf import require_script
from airflow_provider_voiceinfra.plugin.calls_page.pauses import ReasonForm
from airflow_provider_voiceinfra.plugin.calls_page.permissions import Permissions, PermissionsDep
from airflow_provider_voiceinfra.plugin.calls_page.rendering import render, toast
from airflow_provider_voiceinfra.plugin.calls_page.store import StoreDep
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.claims.recovery import Candidates
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.models import Call, CallState

router = APIRouter(prefix="/{ref}", dependencies=[Depends(require_script)])


@router.get("/resolve")
def confirm_resolve(request: Request, store: StoreDep, permissions: PermissionsDep, ref: str) -> Response:
    """Ask whether an unknown call was placed."""
    return _resolve_form(request, store, permissions, _editable_call(store, permissions, ref))


@router.post("/resolve")
def resolve(
    request: Request,
    store: StoreDep,
    permissions: PermissionsDep,
    ref: str,
    found: Annotated[str, Form(pattern="^(placed|not_placed)$")],
    call_id: Annotated[str, Form(max_length=255)] = "",
) -> Response:
    """Resolve an unknown call as VoiceInfra's call log shows it."""
    call = _editable_call(store, permissions, ref)
    call_id = call_id.strip()
    if found == "placed" and not call_id:
        error = "Enter the call_id from VoiceInfra's call log."
        return _resolve_form(request, store, permissions, call, error=error)
    try:
        if found == "placed":
            store.resolutions.placed(ref, call_id, actor=permissions.user_name)
        else:
            store.resolutions.not_placed(ref, actor=permissions.user_name)
    except StoreError as error:
        return _resolve_form(request, store, permissions, call, error=str(error))
    return toast(f"{ref} is resolved: it was {'placed' if found == 'placed' else 'not placed, and its key is free'}.")


@router.get("/do-not-call")
def confirm_do_not_call(request: Request, store: StoreDep, permissions: PermissionsDep, ref: str) -> Response:
    """Ask whether to put the callee on the do-not-call list, and why."""
    return render(request, "do_not_call.html", permissions, call=_editable_call(store, permissions, ref))


@router.post("/do-not-call")
def do_not_call(store: StoreDep, permissions: PermissionsDep, ref: str, reason: ReasonForm = "") -> Response:
    """Put the callee on the do-not-call list."""
    call = _editable_call(store, permissions, ref)
    if not call.to_number:
        raise HTTPException(409, "The number of this call was purged: use `airflow voiceinfra dnc add` instead.")
    new = store.do_not_call.add(
        [call.to_number], actor=permissions.user_name, reason=reason.strip() or f"added at {ref}"
    )
    return toast(f"The callee {'is' if new else 'was already'} on the do-not-call list.")


def _editable_call(store: CallStore, permissions: Permissions, ref: str) -> Call:
    call = find_call(store, permissions, ref)
    permissions.require_edit(call.source.dag_id)
    return call


def _resolve_form(
    request: Request, store: CallStore, permissions: Permissions, call: Call, *, error: str = ""
) -> Response:
    unknown = call.state == CallState.UNKNOWN
    candidates = store.resolutions.candidates(call.ref) if unknown else Candidates()
    shown: dict[str, Any] = {"call": call, **candidates._asdict(), "error": error}
    return render(request, "resolve.html", permissions, status=422 if error else 200, **shown)
