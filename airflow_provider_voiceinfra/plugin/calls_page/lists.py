"""Call lists: their progress, outcomes, and why rows were set aside."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, HTTPException
from starlette.responses import Response

from airflow_provider_voiceinfra.plugin.calls_page.pauses import may_pause, named
from airflow_provider_voiceinfra.plugin.calls_page.visit import Visit, VisitDep, version_of
from airflow_provider_voiceinfra.store.lists.list_pages import CallList

router = APIRouter()


@router.get("/lists")
def show_lists(visit: VisitDep) -> Response:
    """Show the newest lists."""
    return visit.render("lists.html", lists=visit.store.list_pages.newest(visit.permissions.visible_dag_ids))


@router.get("/lists/{list_id}")
def show_list(visit: VisitDep, list_id: str) -> Response:
    """Show a list's progress."""
    return visit.render("list.html", **_shown(visit, list_id))


@router.get("/lists/{list_id}/now")
def show_list_now(visit: VisitDep, list_id: str) -> Response:
    """Refresh a list; 204 if the visitor has this version."""
    return visit.refresh("list_now.html", _shown(visit, list_id))


def find_list(visit: Visit, list_id: str) -> CallList:
    """Find a list that they may see.

    :raises HTTPException: 404, if it does not exist or they may not see it.
    """
    known = visit.store.list_pages.get(list_id)
    if known is None or not visit.permissions.may_read(known.dag_id or None):
        raise HTTPException(404, "This list does not exist, or you do not have permission to see it.")
    return known


def _shown(visit: Visit, list_id: str) -> dict[str, Any]:
    known, progress = find_list(visit, list_id), visit.store.list_progress.count(list_id)
    variants, pause = visit.store.variant_results.recent(list_id), known.pause
    return {
        "known": known,
        "progress": progress,
        "goes_on": progress.left and known.shown_state not in {"failed", "cancelled", "paused"},
        "variants": variants,
        "paused": pause and named(pause.scope, pause.name),
        "may_resume": pause is not None and may_pause(visit, pause.scope, pause.name),
        "may_edit": visit.permissions.may_edit(known.dag_id or None),
        "version": version_of(known, progress, variants),
    }
