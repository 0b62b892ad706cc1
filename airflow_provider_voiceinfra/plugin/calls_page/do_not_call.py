"""The do-not-call list, which applies in all environments of the call store: for users who may edit all DAGs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form
from starlette.responses import Response

from airflow_provider_voiceinfra.errors import InvalidCallError
from airflow_provider_voiceinfra.phone_numbers.e164 import mask, to_e164
from airflow_provider_voiceinfra.plugin.calls_page.csrf import require_script
from airflow_provider_voiceinfra.plugin.calls_page.pauses import ReasonForm
from airflow_provider_voiceinfra.plugin.calls_page.rendering import toast
from airflow_provider_voiceinfra.plugin.calls_page.visit import Visit, VisitDep


def require_edit_all(visit: VisitDep) -> None:
    """Reject users who may not edit all DAGs.

    :raises HTTPException: 403.
    """
    visit.permissions.require_edit(None)


router = APIRouter(prefix="/do-not-call", dependencies=[Depends(require_script), Depends(require_edit_all)])
NumberForm = Annotated[str, Form(max_length=40)]


@router.get("")
def show_do_not_call(visit: VisitDep) -> Response:
    """Show the numbers that were added last."""
    return visit.render("do_not_call_list.html", listed=visit.store.do_not_call.newest())


@router.post("/find")
def find_number(visit: VisitDep, number: NumberForm = "") -> Response:
    """Show whether a number is on the list, who added and removed it, and when. It is posted: servers log URLs."""
    return _found(visit, number)


@router.post("/add")
def add_number(visit: VisitDep, number: NumberForm, reason: ReasonForm = "") -> Response:
    """Put a number on the list."""
    return _change(visit, number, reason, is_listed=True)


@router.post("/remove")
def remove_number(visit: VisitDep, number: NumberForm, reason: ReasonForm = "") -> Response:
    """Take a number off the list."""
    return _change(visit, number, reason, is_listed=False)


def _change(visit: Visit, number: str, reason: str, *, is_listed: bool) -> Response:
    if not (reason := reason.strip()):
        return _found(visit, number, error="Enter a reason: it is recorded with your name.")
    try:
        number = to_e164(number, field="number")
    except InvalidCallError:
        return _found(visit, number)
    do_not_call, actor = visit.store.do_not_call, visit.permissions.user_name
    if is_listed:
        do_not_call.add([number], actor=actor, reason=reason)
        return toast(f"{mask(number)} is on the do-not-call list.")
    do_not_call.remove(number, actor=actor, reason=reason)
    return toast(f"{mask(number)} may be called again.")


def _found(visit: Visit, number: str, *, error: str = "") -> Response:
    try:
        number = to_e164(number, field="number")
    except InvalidCallError as invalid:
        return visit.render_form("do_not_call_found.html", error=str(invalid), to_number="", history=[])
    history = visit.store.do_not_call.history(number)
    return visit.render_form("do_not_call_found.html", error=error, to_number=number, history=history)
