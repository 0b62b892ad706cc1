"""The rows of a call list: page by page, by key or number, and as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, HTTPException
from starlette.responses import RedirectResponse, Response, StreamingResponse

from airflow_provider_voiceinfra import paths
from airflow_provider_voiceinfra.csv_cells import csv_line
from airflow_provider_voiceinfra.errors import InvalidCallError
from airflow_provider_voiceinfra.phone_numbers.e164 import to_e164
from airflow_provider_voiceinfra.plugin.calls_page.encrypted_search import decrypt, encrypt
from airflow_provider_voiceinfra.plugin.calls_page.lists import find_list
from airflow_provider_voiceinfra.plugin.calls_page.visit import Visit, VisitDep
from airflow_provider_voiceinfra.store.lists.list_pages import CallList, ListRow
from airflow_provider_voiceinfra.store.lists.row_pages import RowPage
from airflow_provider_voiceinfra.store.lists.row_values import RowState

_CSV_COLUMNS = ("position", "key", "number", "state", "result", "attempt", "due_at", "call", "ended_at")

router = APIRouter(prefix="/lists/{list_id}")


@router.get("/rows")
def show_rows(
    visit: VisitDep,
    list_id: str,
    state: RowState = RowState.SET_ASIDE,
    result: str | None = None,
    after: int | None = None,
    find: str | None = None,
) -> Response:
    """Show the rows in a state, page by page, or those that were looked for."""
    known = find_list(visit, list_id)
    if find is not None:
        page = RowPage(_find(visit, known, find), None)
    else:
        page = visit.store.row_pages.page(list_id, state, result=result, after=after)
    return visit.render(
        "list_rows.html",
        known=known,
        page=page,
        states=list(RowState),
        state=state,
        result=result,
        is_search=find is not None,
        is_first=after is None,
        may_read_content=visit.permissions.may_read_content(known.dag_id or None),
    )


@router.post("/rows")
def find_rows(visit: VisitDep, list_id: str, find: Annotated[str, Form(max_length=500)]) -> Response:
    """Redirect to the rows with a key or number, which is posted, and encrypted in the URL: servers log URLs."""
    known = find_list(visit, list_id)
    query = urlencode({"find": encrypt(find.strip())})
    return RedirectResponse(f"{paths.calls_path()}/lists/{known.id}/rows?{query}", status_code=303)


@router.get("/rows.csv")
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


def _find(visit: Visit, known: CallList, find: str) -> list[ListRow]:
    # Who sees masked numbers could find out by a search whether a person is on the list.
    if not visit.permissions.may_read_content(known.dag_id or None):
        raise HTTPException(403, "You need permission to read the XComs of the DAG to search by key or number.")
    text = decrypt(find)
    if not text:
        raise HTTPException(400, "Enter a key or number in the form: it keeps them out of the URL.")
    try:
        number = to_e164(text, field="number")
    except InvalidCallError:
        number = None
    return visit.store.row_pages.find(known.id, text, number)


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
