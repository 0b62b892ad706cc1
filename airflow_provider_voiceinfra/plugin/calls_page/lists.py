"""Call lists: their progress, outcomes, and rows that were set aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from fastapi import APIRouter, HTTPException
from starlette.responses import Response, StreamingResponse

from airflow_provider_voiceinfra.csv_cells import csv_line
from airflow_provider_voiceinfra.plugin.calls_page.visit import Visit, VisitDep, version_of
from airflow_provider_voiceinfra.store.lists.list_pages import CallList, ListRow
from airflow_provider_voiceinfra.store.lists.list_rows import RowState

SET_ASIDE_SHOWN = 200
"""Rows set aside that the page shows; the CSV file has all of them."""
_CSV_COLUMNS = ("position", "key", "number", "state", "result", "attempt", "due_at", "call", "ended_at")

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


@router.get("/lists/{list_id}/rows.csv")
def download_rows(visit: VisitDep, list_id: str, state: RowState | None = None) -> Response:
    """Return the rows as CSV: all, or those in one state."""
    known = find_list(visit, list_id)
    rows = visit.store.list_pages.rows(list_id, *([] if state is None else [state]))
    name = f"{list_id}{f'-{state}' if state else ''}.csv"
    return StreamingResponse(
        _csv(rows, visit, known.dag_id),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def find_list(visit: Visit, list_id: str) -> CallList:
    """Find a list that they may see.

    :raises HTTPException: 404, if it does not exist or they may not see it.
    """
    known = visit.store.list_pages.get(list_id)
    if known is None or not visit.permissions.may_read(known.dag_id or None):
        raise HTTPException(404, "This list does not exist, or you do not have permission to see it.")
    return known


def _shown(visit: Visit, list_id: str) -> dict[str, Any]:
    known, counts = find_list(visit, list_id), visit.store.lists.counts(list_id)
    states, results, reasons = Counter[RowState](), Counter[str](), Counter[str]()
    for (state, result), count in counts.items():
        states[state] += count
        if state is RowState.DONE:
            results[result] += count
        if state is RowState.SET_ASIDE:
            reasons[result] += count
    variants = visit.store.variant_results.recent(list_id)
    aside = list(islice(visit.store.list_pages.rows(list_id, RowState.SET_ASIDE), SET_ASIDE_SHOWN))
    return {
        "known": known,
        "states": states,
        "results": results,
        "reasons": reasons,
        "variants": variants,
        # Rows set aside or dropped are no longer part of the list.
        "rows": states[RowState.PENDING] + states[RowState.OPEN] + states[RowState.DONE],
        "aside": aside,
        "may_edit": visit.permissions.may_edit(known.dag_id or None),
        "version": version_of(known, sorted(counts.items()), aside, variants),
    }


def _csv(rows: Iterator[ListRow], visit: Visit, dag_id: str) -> Iterator[str]:
    yield csv_line(_CSV_COLUMNS)
    may_read_content = visit.permissions.may_read_content(dag_id or None)
    for row in rows:
        cells = (
            row.position,
            # Keys are chosen by the DAG's author, and may name a person.
            (row.key or "") if may_read_content else "",
            visit.shown_number(row.to_number, dag_id or None),
            row.state,
            row.result or "",
            row.attempt,
            row.due_at.isoformat(),
            row.call_ref or "",
            row.ended_at.isoformat() if row.ended_at else "",
        )
        yield csv_line(cells)
