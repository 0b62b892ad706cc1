"""Pausing and resuming calls. Each action is confirmed in a form, and recorded with the user's name."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException
from starlette.responses import Response

from airflow_provider_voiceinfra.plugin.calls_page.csrf import require_script
from airflow_provider_voiceinfra.plugin.calls_page.rendering import toast
from airflow_provider_voiceinfra.plugin.calls_page.visit import Visit, VisitDep
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.guard.pauses import Pause, Scope

router = APIRouter(prefix="/pauses", dependencies=[Depends(require_script)])
ScopeForm = Annotated[Scope, Form()]
NameForm = Annotated[str, Form(max_length=255)]
ReasonForm = Annotated[str, Form(max_length=500)]
UntilForm = Annotated[str, Form(max_length=32)]


@router.get("")
def show_pauses(visit: VisitDep) -> Response:
    """Show what is paused."""
    return visit.render("pauses.html", pauses=_visible_pauses(visit))


@router.get("/now")
def show_pauses_now(visit: VisitDep) -> Response:
    """Show in a few words what is paused, for the header of every page."""
    return visit.render("pauses_now.html", pauses=_visible_pauses(visit))


@router.get("/pause")
def confirm_pause(
    visit: VisitDep, scope: Scope | None = None, name: str = "", reason: str = "", until: str = ""
) -> Response:
    """Ask what to pause, and why; again once a scope is chosen, whose names are offered then."""
    return _pause_form(visit, scope, name, reason=reason, until=until)


@router.post("/pause")
def pause(
    visit: VisitDep,
    scope: ScopeForm,
    reason: ReasonForm = "",
    name: NameForm = "",
    until: UntilForm = "",
    force: Annotated[bool, Form()] = False,
) -> Response:
    """Pause a scope. Once this is answered, no new call in it starts."""
    name = name.strip()
    ask_again = partial(_pause_form, visit, scope, name, reason=reason, until=until)
    if (scope is Scope.ALL) == bool(name):
        wanted = f"Enter the {'DAG id' if scope is Scope.DAG else scope}."
        return ask_again(
            error="Everything takes no name: to pause only part of it, choose a scope." if name else wanted
        )
    _require_pause(visit, scope, name)
    if not reason.strip():
        return ask_again(error="Enter a reason: it is shown with each call that waits.")
    ends_at = _read_until(until)
    if ends_at is not None and ends_at <= datetime.now(UTC):
        return ask_again(error="The end must be in the future.")
    if not force and scope is Scope.ALL:
        return ask_again(error="This stops every call of this environment until it is resumed.", confirm=True)
    if not (force or visit.store.pauses.seen(scope, name)):
        return ask_again(error=f"{named(scope, name)} has no calls yet. Is it spelt correctly?", confirm=True)
    visit.store.pauses.pause(scope, name, reason=reason.strip(), actor=visit.permissions.user_name, ends_at=ends_at)
    return toast(f"{named(scope, name)} is paused: no new calls start.")


@router.get("/resume")
def confirm_resume(visit: VisitDep, scope: Scope, name: str = "") -> Response:
    """Ask whether to place or to cancel the calls that wait."""
    _require_pause(visit, scope, name)
    return _resume_form(visit, scope, name)


@router.post("/resume")
def resume(
    visit: VisitDep,
    scope: ScopeForm,
    name: NameForm = "",
    cancel: Annotated[bool, Form()] = False,
) -> Response:
    """Resume a scope, and place or cancel the calls that wait."""
    _require_pause(visit, scope, name)
    what = named(scope, name)
    try:
        cancelled = visit.store.pauses.resume(scope, name, actor=visit.permissions.user_name, cancel=cancel)
    except StoreError:
        return _resume_form(visit, scope, name, error=f"{what} is not paused any more.")
    calls = "1 call was" if cancelled == 1 else f"{cancelled:,} calls were"
    return toast(f"{what} is resumed: " + (f"{calls} cancelled." if cancel else "waiting calls are placed."))


def _read_until(text: str) -> datetime | None:
    """Read when a pause ends, in UTC, as browsers send a local date and time."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None
    except ValueError:
        raise HTTPException(422, "This is not a time.") from None


def named(scope: Scope, name: str) -> str:
    """Name what is paused, at the beginning of a sentence."""
    return "Everything" if scope is Scope.ALL else f"{'DAG' if scope is Scope.DAG else scope.capitalize()} {name}"


def may_pause(visit: Visit, scope: Scope, name: str) -> bool:
    """Return whether the user may pause a scope: a DAG or its list, if they may edit the DAG; more, if all DAGs."""
    if scope is Scope.DAG:
        return visit.permissions.may_edit(name)
    if scope is Scope.LIST:
        known = visit.store.list_pages.get(name)
        return visit.permissions.may_edit(known.dag_id or None) if known else visit.permissions.may_edit_all
    return visit.permissions.may_edit_all


def _require_pause(visit: Visit, scope: Scope, name: str) -> None:
    if not may_pause(visit, scope, name):
        raise HTTPException(403, "You need permission to edit the DAG, or all DAGs, to do this.")


def _is_visible(visit: Visit, pause: Pause) -> bool:
    """Return whether the user may see a pause: of a DAG or its list, if they may see its calls."""
    if pause.scope is Scope.DAG:
        return visit.permissions.may_read(pause.name)
    if pause.scope is Scope.LIST:
        known = visit.store.list_pages.get(pause.name)
        return visit.permissions.may_read(known.dag_id or None if known else None)
    return True


def _visible_pauses(visit: Visit) -> list[tuple[Pause, str, bool]]:
    """List pauses with their names, and whether the user may resume them."""
    return [
        (pause, named(pause.scope, pause.name), may_pause(visit, pause.scope, pause.name))
        for pause in visit.store.pauses.in_force()
        if _is_visible(visit, pause)
    ]


def _pause_form(
    visit: Visit,
    scope: Scope | None,
    name: str,
    *,
    reason: str = "",
    until: str = "",
    error: str = "",
    confirm: bool = False,
) -> Response:
    if scope is not None and (name or scope is Scope.ALL):
        _require_pause(visit, scope, name)
    shown: dict[str, Any] = {
        "scope": scope,
        "name": name,
        "named": named(scope, name) if scope else "",
        "reason": reason,
        "until": until,
        "confirm": confirm,
        "scopes": [each for each in Scope if visit.permissions.may_edit_all or each in {Scope.DAG, Scope.LIST}],
        "names": _offered_names(visit, scope),
    }
    return visit.render_form("pause.html", error=error, **shown)


def _offered_names(visit: Visit, scope: Scope | None) -> list[str]:
    """List what the user may pause in a scope, as far as the form offers it: of lists the newest."""
    match scope:
        case Scope.DAG:
            return list(filter(visit.permissions.may_edit, visit.dag_ids))
        case Scope.LIST:
            lists = visit.store.list_pages.newest(visit.permissions.visible_dag_ids)
            return [each.id for each in lists if visit.permissions.may_edit(each.dag_id or None)]
        case Scope.CONNECTION | Scope.AGENT if visit.permissions.may_edit_all:
            return visit.store.pauses.recent_names(scope)
        case _:
            return []


def _resume_form(visit: Visit, scope: Scope, name: str, *, error: str = "") -> Response:
    return visit.render_form("resume.html", error=error, scope=scope, name=name, named=named(scope, name))
