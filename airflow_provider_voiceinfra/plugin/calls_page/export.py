"""The calls that a search finds, as a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Literal

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from airflow_provider_voiceinfra.csv_cells import csv_line
from airflow_provider_voiceinfra.plugin.calls_page.search import Search, SearchDep
from airflow_provider_voiceinfra.plugin.calls_page.visit import Visit, VisitDep
from airflow_provider_voiceinfra.store.reads.call_pages import CallRow

_COLUMNS = (
    "ref",
    "state",
    "outcome",
    "claimed_at",
    "completed_at",
    "number",
    "dag_id",
    "run_id",
    "task_id",
    "map_index",
    "list_id",
    "attempt",
    "rule",
)
_MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}

router = APIRouter()


@router.get("/export")
def export_calls(visit: VisitDep, search: SearchDep, format: Literal["csv", "jsonl"] = "csv") -> Response:  # noqa: A002 - the name in the URL
    """Return the calls that the search finds, without their content; numbers in full where they may be read."""
    lines = _csv(visit, search) if format == "csv" else _jsonl(visit, search)
    name = {"Content-Disposition": f'attachment; filename="calls.{format}"'}
    return StreamingResponse(lines, media_type=_MEDIA_TYPES[format], headers=name)


def _csv(visit: Visit, search: Search) -> Iterator[str]:
    yield csv_line(_COLUMNS)
    for row in search.read_all(visit.store.pages, visit.permissions):
        yield csv_line("" if cell is None else cell for cell in _cells(row, visit))


def _jsonl(visit: Visit, search: Search) -> Iterator[str]:
    for row in search.read_all(visit.store.pages, visit.permissions):
        yield json.dumps(dict(zip(_COLUMNS, _cells(row, visit), strict=True))) + "\n"


def _cells(row: CallRow, visit: Visit) -> tuple[str | int | None, ...]:
    return (
        row.ref,
        row.state,
        row.outcome,
        row.claimed_at.isoformat(),
        row.completed_at.isoformat() if row.completed_at else None,
        visit.shown_number(row.to_number, row.dag_id),
        row.dag_id,
        row.run_id,
        row.task_id,
        row.map_index,
        row.list_id,
        row.attempt,
        row.rule,
    )
