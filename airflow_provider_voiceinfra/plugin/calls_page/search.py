"""The search of the Calls page, as it is read from a URL and written into one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Depends, HTTPException
from starlette.requests import Request

from airflow_provider_voiceinfra.compat import read_run_names
from airflow_provider_voiceinfra.plugin.calls_page.encrypted_search import decrypt, encrypt, is_encrypted
from airflow_provider_voiceinfra.plugin.calls_page.permissions import Permissions
from airflow_provider_voiceinfra.plugin.calls_page.rendering import zone_of
from airflow_provider_voiceinfra.store.models import CallState
from airflow_provider_voiceinfra.store.reads.call_filter import END_LENGTH, CallFilter
from airflow_provider_voiceinfra.store.reads.call_pages import CallPage, CallPages, CallRow, PageCursor

FIELDS = ("state", "outcome", "dag", "run", "list", "agent", "connection", "digits", "since", "until")
_POSITIONS = ("before", "after", "last")


@dataclass(frozen=True, slots=True)
class Search:
    """A search.

    :param given: the fields of the form that are filled in.
    :param wanted: the filter that they mean, without the visitor's permissions.
    :param position: of the page in the results: ``before``, ``after`` or ``last``.
    """

    given: Mapping[str, str] = field(repr=False)
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

    def digits_for(self, permissions: Permissions) -> str:
        """Return the digits of the search, as many as somebody may see who was only given its URL."""
        digits = self.wanted.digits or ""
        return digits if permissions.may_read_content(None) else digits[-END_LENGTH:]

    def read_all(self, pages: CallPages, permissions: Permissions) -> Iterator[CallRow]:
        """Read all calls that it finds, newest first, page by page."""
        page = Search(self.given, self.wanted, {}).read(pages, permissions)
        yield from page.rows
        while page.older:
            page = Search(self.given, self.wanted, {"before": str(page.older)}).read(pages, permissions)
            yield from page.rows

    def read(self, pages: CallPages, permissions: Permissions) -> CallPage:
        """Read the page."""
        calling = pages.dag_ids()
        dag_ids = None if permissions.visible_dag_ids is None else permissions.visible_dag_ids.intersection(calling)
        if self.wanted.digits and len(self.wanted.digits) > END_LENGTH:
            dag_ids = _dags_with_visible_numbers(permissions, calling)
        if "after" in self.position:
            page = pages.newer(self.wanted, dag_ids, than=_cursor(self.position["after"]))
            # A page at the newest end is always full.
            return page if page.newer or page.looked_to else pages.older(self.wanted, dag_ids)
        if "last" in self.position:
            return pages.newer(self.wanted, dag_ids)
        return pages.older(self.wanted, dag_ids, than=_cursor(self.position.get("before")))


def _dags_with_visible_numbers(permissions: Permissions, calling: Collection[str]) -> frozenset[str] | None:
    """Return the DAGs whose numbers are shown in full: a search for hidden digits would reveal them."""
    visible = frozenset(filter(permissions.may_read_content, calling))
    return None if permissions.may_read_content(None) and len(visible) == len(calling) else visible


def read_search(request: Request) -> Search:
    """Read the search from a page's URL.

    :raises HTTPException: 400, if a field is invalid.
    """
    query = request.query_params
    given = {name: query[name].strip() for name in FIELDS if query.get(name, "").strip()}
    zone = zone_of(request)
    wanted = CallFilter(
        state=_state(given.get("state")),
        outcome=given.get("outcome"),
        dag_id=given.get("dag"),
        runs=_runs(given.get("dag"), given.get("run")),
        list_id=given.get("list"),
        agent_id=given.get("agent"),
        conn_id=given.get("connection"),
        digits=_digits(given.get("digits")),
        since=_time(given.get("since"), zone),
        until=_time(given.get("until"), zone),
    )
    return Search(given, wanted, {name: query[name] for name in _POSITIONS if query.get(name)})


SearchDep = Annotated[Search, Depends(read_search)]


def _state(text: str | None) -> CallState | None:
    if text is None:
        return None
    try:
        return CallState(text)
    except ValueError:
        raise HTTPException(400, "This is not a valid call state.") from None


def query_of(form: Mapping[str, str]) -> str:
    """Return the query of the URL that shows the results of a form."""
    given = {name: form[name].strip() for name in FIELDS if form.get(name, "").strip()}
    if len(given.get("digits", "")) > END_LENGTH:
        given["digits"] = encrypt(given["digits"])
    return urlencode(given)


def _digits(text: str | None) -> str | None:
    if text is None:
        return None
    found = decrypt(text) if is_encrypted(text) else text
    digits = "".join(filter(str.isdecimal, found or ""))
    if len(digits) < END_LENGTH or not digits.isascii():
        raise HTTPException(400, "Enter at least the last four digits of a number.")
    if len(digits) > END_LENGTH and not is_encrypted(text):
        raise HTTPException(400, "Use the form to search for more than four digits: it keeps them out of the URL.")
    return digits


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
