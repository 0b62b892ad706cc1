"""Actions on one call: resolving an unknown one, and putting its callee on the do-not-call list.

Each action is confirmed in a form, and recorded with the user's name.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException
from starlette.responses import Response

from airflow_provider_voiceinfra.plugin.calls_page.calls import find_call
from airflow_provider_voiceinfra.plugin.calls_page.csrf import require_script
from airflow_provider_voiceinfra.plugin.calls_page.pauses import ReasonForm
from airflow_provider_voiceinfra.plugin.calls_page.rendering import toast
from airflow_provider_voiceinfra.plugin.calls_page.visit import Visit, VisitDep
from airflow_provider_voiceinfra.store.claims.recovery import Candidates
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.models import Call, CallState

router = APIRouter(prefix="/{ref}", dependencies=[Depends(require_script)])


@router.get("/resolve")
def confirm_resolve(visit: VisitDep, ref: str) -> Response:
    """Ask whether an unknown call was placed."""
    return _resolve_form(visit, _editable_call(visit, ref))


@router.post("/resolve")
def resolve(
    visit: VisitDep,
    ref: str,
    found: Annotated[str, Form(pattern="^(placed|not_placed)$")],
    call_id: Annotated[str, Form(max_length=255)] = "",
) -> Response:
    """Resolve an unknown call as VoiceInfra's call log shows it."""
    call = _editable_call(visit, ref)
    call_id = call_id.strip()
    if found == "placed" and not call_id:
        error = "Enter the call_id from VoiceInfra's call log."
        return _resolve_form(visit, call, error=error)
    try:
        if found == "placed":
            visit.store.resolutions.placed(ref, call_id, actor=visit.permissions.user_name)
        else:
            visit.store.resolutions.not_placed(ref, actor=visit.permissions.user_name)
    except StoreError as error:
        return _resolve_form(visit, call, error=str(error))
    return toast(f"{ref} is resolved: it was {'placed' if found == 'placed' else 'not placed, and its key is free'}.")


@router.get("/do-not-call")
def confirm_do_not_call(visit: VisitDep, ref: str) -> Response:
    """Ask whether to put the callee on the do-not-call list, and why."""
    return visit.render("do_not_call.html", call=_editable_call(visit, ref))


@router.post("/do-not-call")
def do_not_call(visit: VisitDep, ref: str, reason: ReasonForm = "") -> Response:
    """Put the callee on the do-not-call list."""
    call = _editable_call(visit, ref)
    if not call.to_number:
        raise HTTPException(409, "The number of this call was purged: use `airflow voiceinfra dnc add` instead.")
    new = visit.store.do_not_call.add(
        [call.to_number], actor=visit.permissions.user_name, reason=reason.strip() or f"added at {ref}"
    )
    return toast(f"The callee {'is' if new else 'was already'} on the do-not-call list.")


def _editable_call(visit: Visit, ref: str) -> Call:
    call = find_call(visit, ref)
    visit.permissions.require_edit(call.source.dag_id)
    return call


def _resolve_form(visit: Visit, call: Call, *, error: str = "") -> Response:
    unknown = call.state == CallState.UNKNOWN
    candidates = visit.store.resolutions.candidates(call.ref) if unknown else Candidates()
    return visit.render_form("resolve.html", call=call, **candidates._asdict(), error=error)
