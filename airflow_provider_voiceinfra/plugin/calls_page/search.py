"""The search of the Calls page, as it is read from a URL and written into one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Depends, HTTPException
from starlette.requests import Request

from airflow_provider_voiceinfra.compat import read_run_names
from airflow_provider_voiceinfra.plugin.calls_page.permissions import Permissions
from airflow_provider_voiceinfra.plugin.calls_page.rendering import zone_of
from airflow_provider_voiceinfra.plugin.calls_page.search_box import NO_TERM, Term, from_url, to_url
from airflow_provider_voiceinfra.store.models import CallState
from airflow_provider_voiceinfra.store.reads.call_filter import CallFilter
from airflow_provider_voiceinfra.store.reads.call_pages import (
    CallCount,
    CallPage,
    CallPages,
    CallRow,
    PageCursor,
)

FIELDS = ("q", "state", "outcome", "dag", "run", "list", "agent", "connection", "since", "until")
_POSITIONS = ("before", "after", "last")


@dataclass(frozen=True, slots=True)
class Search:
    """A search.

    :param given: the fields of the form that are filled in.
    :param term: what the search box contains.
    :param wanted: the filter that they mean, without the visitor's permissions.
    :param position: of the page in the results: ``before``, ``after`` or ``last``.
    """

    given: Mapping[str, str] = field(repr=False)
    term: Term
    wanted: CallFilter
    position: Mapping[str, str]

    def query(self, **position: object) -> str:
        """Return the query of the URL that shows the search at a position."""
        return urlencode(dict(self.given) | {name: str(value) for name, value in position.items()})

    def recent(self, zone: ZoneInfo) -> dict[str, str]:
        """Return the queries of the URLs that show what it finds of the latest hours and days, by their labels."""
        now = datetime.now(zone)
        midnight = now.replace(hour=0, minute=0)
        since = {"today": midnight, "24 hours": now - timedelta(days=1), "7 days": now - timedelta(days=7)}
        return {label: self.query(since=f"{time:%Y-%m-%dT%H:%M}", until="") for label, time in since.items()}

    @property
    def here(self) -> str:
        """Return the query of the URL that shows this page."""
        return self.query(**self.position)

    def read_all(self, pages: CallPages, permissions: Permissions) -> Iterator[CallRow]:
        """Read all calls that it finds, newest first, page by page."""
        page = replace(self, position={}).read(pages, permissions)
        yield from page.rows
        while page.older:
            page = replace(self, position={"before": str(page.older)}).read(pages, permissions)
            yield from page.rows

    def read(self, pages: CallPages, permissions: Permissions) -> CallPage:
        """Read the page."""
        dag_ids = self._dag_ids(pages, permissions)
        if "after" in self.position:
            page = pages.newer(self.wanted, dag_ids, than=_cursor(self.position["after"]))
            # A page at the newest end is always full.
            return page if page.newer or page.looked_to else pages.older(self.wanted, dag_ids)
        if "last" in self.position:
            return pages.newer(self.wanted, dag_ids)
        return pages.older(self.wanted, dag_ids, than=_cursor(self.position.get("before")))

    def range_of(self, page: CallPage, pages: CallPages, permissions: Permissions) -> str:
        """Return which of the calls that it finds a page shows, such as ``51-100 of 1,234``; counts newer calls."""
        if not page.rows:
            return ""
        dag_ids, newest = self._dag_ids(pages, permissions), page.rows[0]
        total = pages.count(self.wanted, dag_ids)
        before = CallCount(0, is_all=True)
        if page.newer:
            before = pages.count(self.wanted, dag_ids, newer_than=PageCursor(newest.claimed_at, newest.id))
        if not before.is_all:
            return f"{total} calls" if total.calls else ""
        last = before.calls + len(page.rows)
        return f"{before.calls + 1:,}-{last:,} of {replace(total, calls=max(total.calls, last))}"

    def _dag_ids(self, pages: CallPages, permissions: Permissions) -> frozenset[str] | None:
        """Return the DAGs whose calls it may find; None for all calls."""
        calling = pages.dag_ids()
        if self.term.is_private:
            return _dags_with_visible_content(permissions, calling)
        return None if permissions.visible_dag_ids is None else permissions.visible_dag_ids.intersection(calling)


def _dags_with_visible_content(permissions: Permissions, calling: Collection[str]) -> frozenset[str] | None:
    """Return the DAGs whose numbers and metadata are shown: a search for hidden ones would reveal them."""
    visible = frozenset(filter(permissions.may_read_content, calling))
    return None if permissions.may_read_content(None) and len(visible) == len(calling) else visible


def read_search(request: Request) -> Search:
    """Read the search from a page's URL.

    :raises HTTPException: 400, if a field is invalid.
    """
    query = request.query_params
    given = {name: query[name].strip() for name in FIELDS if query.get(name, "").strip()}
    zone = zone_of(request)
    term = from_url(given["q"]) if "q" in given else NO_TERM
    wanted = CallFilter(
        state=_state(given.get("state")),
        outcome=given.get("outcome"),
        dag_id=given.get("dag"),
        runs=_runs(given.get("dag"), given.get("run")),
        list_id=given.get("list"),
        agent_id=given.get("agent"),
        conn_id=given.get("connection"),
        name=term.name,
        metadata=term.metadata,
        digits=term.digits,
        since=_time(given.get("since"), zone),
        until=_time(given.get("until"), zone),
    )
    return Search(given, term, wanted, {name: query[name] for name in _POSITIONS if query.get(name)})


SearchDep = Annotated[Search, Depends(read_search)]


def _state(text: str | None) -> CallState | None:
    if text is None:
        return None
    try:
        return CallState(text)
    except ValueError:
        raise HTTPException(400, "This is not a valid call state.") from None


def query_of(form: Mapping[str, str]) -> str:
    """Return the query of the URL that shows the results of a form.

    :raises HTTPException: 400, if what the search box contains cannot be searched for.
    """
    given = {name: form[name].strip() for name in FIELDS if form.get(name, "").strip()}
    if "q" in given:
        given["q"] = to_url(given["q"])
    return urlencode(given)


def _time(text: str | None, zone: ZoneInfo) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise HTTPException(400, "Not a valid time. Example: 2026-11-23T15:00") from None


def _cursor(text: str | None) -> PageCursor | None:
    if text is None:
        return None
    cursor = PageCursor.parse(text)
    if cursor is None:
        raise HTTPException(400, "Not a valid page of results.")
    return cursor


def _runs(dag_id: str | None, run_id: str | None) -> tuple[str, ...]:
    if run_id is None:
        return ()
    return (run_id,) if dag_id is None else read_run_names(dag_id, run_id)
