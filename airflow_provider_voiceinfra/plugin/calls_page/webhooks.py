"""The webhooks of all environments, which share one receiver: for users who may read all DAGs.

The quarantine may contain anything, so its content is for those who may read XComs of all DAGs.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException
from starlette.responses import Response

from airflow_provider_voiceinfra.plugin.calls_page.csrf import require_script
from airflow_provider_voiceinfra.plugin.calls_page.rendering import toast
from airflow_provider_voiceinfra.plugin.calls_page.visit import Visit, VisitDep
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.models import DeliveryResult

QUARANTINED_SHOWN = 100


def require_read_all(visit: VisitDep) -> None:
    """Reject users who may not read all DAGs.

    :raises HTTPException: 403.
    """
    if not visit.permissions.may_read(None):
        raise HTTPException(403, "You need permission to read all DAGs to see this.")


router = APIRouter(prefix="/webhooks", dependencies=[Depends(require_script), Depends(require_read_all)])


@router.get("")
def show_webhooks(visit: VisitDep) -> Response:
    """Show which webhooks arrived last, were rejected, are in quarantine, and belong to no call."""
    return visit.render(
        "webhooks.html",
        arrivals=visit.store.arrivals.newest(),
        rejected=visit.store.rejected_webhooks.by_hour(),
        quarantined=visit.store.quarantine.newest(QUARANTINED_SHOWN),
        quarantined_count=visit.store.quarantine.count(),
        unmatched=visit.store.arrivals.unmatched(),
        may_read_content=visit.permissions.may_read_content(None),
        may_edit=visit.permissions.may_edit(None),
    )


@router.get("/{webhook_id}/body")
def read_body(visit: VisitDep, webhook_id: int) -> Response:
    """Show the body of a webhook in quarantine."""
    if not visit.permissions.may_read_content(None):
        raise HTTPException(403, "You need permission to read XComs of all DAGs to see this.")
    body = visit.store.quarantine.body(webhook_id)
    if body is None:
        raise HTTPException(404, f"There is no webhook {webhook_id} in quarantine.")
    return visit.render("webhook_body.html", webhook_id=webhook_id, body=body.decode(errors="replace"))


@router.get("/{webhook_id}/reprocess")
def confirm_reprocess(visit: VisitDep, webhook_id: int) -> Response:
    """Ask which call a webhook in quarantine completes."""
    visit.permissions.require_edit(None)
    return _reprocess_form(visit, webhook_id)


@router.post("/{webhook_id}/reprocess")
def reprocess(visit: VisitDep, webhook_id: int, call: Annotated[str, Form(max_length=255)] = "") -> Response:
    """Use a webhook in quarantine as the completion of a call."""
    visit.permissions.require_edit(None)
    known = visit.store.calls.get(call.strip())
    if known is None or known.call_id is None:
        error = "There is no such call with a call_id in this environment. If the call is unknown, resolve it first."
        return _reprocess_form(visit, webhook_id, error=error)
    try:
        result = visit.store.deliveries.reprocess(webhook_id, known.call_id, actor=visit.permissions.user_name)
    except StoreError as error:
        return _reprocess_form(visit, webhook_id, error=str(error))
    if result is DeliveryResult.NEW:
        return toast(f"Webhook {webhook_id} is the completion of {known.ref}.")
    return toast(f"{known.ref} has a completion already: webhook {webhook_id} is kept beside it and changes nothing.")


def _reprocess_form(visit: Visit, webhook_id: int, *, error: str = "") -> Response:
    return visit.render_form("webhook_reprocess.html", webhook_id=webhook_id, error=error)
