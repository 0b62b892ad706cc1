"""Pausing and resuming calls. Each action is confirmed in a form, and recorded with the user's name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException
from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_voiceinfra.plugin.calls_page.csrf import require_script
from airflow_provider_voiceinfra.plugin.calls_page.permissions import Permissions, PermissionsDep
from airflow_provider_voiceinfra.plugin.calls_page.rendering import render, toast
from airflow_provider_voiceinfra.plugin.calls_page.store import StoreDep
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.guard.pauses import Pause, Scope

router = APIRouter(prefix="/pauses", dependencies=[Depends(require_script)])
ScopeForm = Annotated[Scope, Form()]
NameForm = Annotated[str, Form(max_length=255)]
ReasonForm = Annotated[str, Form(max_length=500)]
UntilForm = Annotated[str, Form(max_length=32)]


@router.get("")
def show_pauses(request: Request, store: StoreDep, permissions: PermissionsDep) -> Response:
    """Show what is paused."""
    return render(request, "pauses.html", permissions, pauses=_visible_pauses(store, permissions))


@router.get("/now")
def show_pauses_now(request: Request, store: StoreDep, permissions: PermissionsDep) -> Response:
    """Show in a few words what is paused, for the header of every page."""
    return render(request, "pauses_now.html", permissions, pauses=_visible_pauses(store, permissions))


@router.get("/pause")
def confirm_pause(
    request: Request, store: StoreDep, permissions: PermissionsDep, scope: Scope | None = None, name: str = ""
) -> Response:
    """Ask what to pause, and why."""
    return _pause_form(request, store, permissions, scope, name)


@router.post("/pause")
def pause(
    request: Request,
    store: StoreDep,
    permissions: PermissionsDep,
    scope: ScopeForm,
    reason: ReasonForm = "",
    name: NameForm = "",
    until: UntilForm = "",
    force: Annotated[bool, Form()] = False,
) -> Response:
    """Pause a scope. Once this is answered, no new call in it starts."""
    name, given = name.strip(), dict[str, Any](reason=reason, until=until)
    if (scope is Scope.ALL) == bool(name):
        wanted = f"Enter the {'DAG id' if scope is Scope.DAG else scope}."
        error = "Everything takes no name: to pause one of them, choose what it is." if name else wanted
        return _pause_form(request, store, permissions, scope, name, **given, error=error)
    _require_pause(store, permissions, scope, name)
    if not reason.strip():
        error = "Enter a reason: it is shown with each call that waits."
        return _pause_form(request, store, permissions, scope, name, **given, error=error)
    ends_at = _read_until(until)
    if ends_at is not None and ends_at <= datetime.now(UTC):
        return _pause_form(request, store, permissions, scope, name, **given, error="The end is over.")
    if not (force or store.pauses.seen(scope, name)):
        error = f"{named(scope, name)} has no calls yet. Is it spelt correctly?"
        return _pause_form(request, store, permissions, scope, name, **given, error=error, unseen=True)
    store.pauses.pause(scope, name, reason=reason.strip(), actor=permissions.user_name, ends_at=ends_at)
    return toast(f"{named(scope, name)} is paused: no new calls start.")


@router.get("/resume")
def confirm_resume(
    request: Request, store: StoreDep, permissions: PermissionsDep, scope: Scope, name: str = ""
) -> Response:
    """Ask whether to place or to cancel the calls that wait."""
    _require_pause(store, permissions, scope, name)
    return render(request, "resume.html", permissions, scope=scope, name=name, named=named(scope, name), error="")


@router.post("/resume")
def resume(
    request: Request,
    store: StoreDep,
    permissions: PermissionsDep,
    scope: ScopeForm,
    name: NameForm = "",
    cancel: Annotated[bool, Form()] = False,
) -> Response:
    """Resume a scope, and place or cancel the calls that wait."""
    _require_pause(store, permissions, scope, name)
    what = named(scope, name)
    try:
        cancelled = store.pauses.resume(scope, name, actor=permissions.user_name, cancel=cancel)
    except StoreError:
        shown: dict[str, Any] = {"scope": scope, "name": name, "named": what}
        return render(request, "resume.html", permissions, status=422, **shown, error=f"{what} is not paused any more.")
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


def may_pause(store: CallStore, permissions: Permissions, scope: Scope, name: str) -> bool:
    """Tell whether the user may pause a scope: a DAG or its list, if they may edit the DAG; more, if all DAGs."""
    if scope is Scope.DAG:
        return permissions.may_edit(name)
    if scope is Scope.LIST:
        known = store.list_pages.get(name)
        return permissions.may_edit(known.dag_id or None) if known else permissions.may_edit_all
    return permissions.may_edit_all


def _require_pause(store: CallStore, permissions: Permissions, scope: Scope, name: str) -> None:
    if not may_pause(store, permissions, scope, name):
        raise HTTPException(403, "You need permission to edit the DAG, or all DAGs, to do this.")


def _is_visible(store: CallStore, permissions: Permissions, pause: Pause) -> bool:
    """Tell whether the user may see a pause: of a DAG or its list, if they may see its calls."""
    if pause.scope is Scope.DAG:
        return permissions.may_read(pause.name)
    if pause.scope is Scope.LIST:
        known = store.list_pages.get(pause.name)
        return permissions.may_read(known.dag_id or None if known else None)
    return True


def _visible_pauses(store: CallStore, permissions: Permissions) -> list[tuple[Pause, str, bool]]:
    """List pauses with their names, and whether the user may resume them."""
    return [
        (pause, named(pause.scope, pause.name), may_pause(store, permissions, pause.scope, pause.name))
        for pause in store.pauses.in_force()
        if _is_visible(store, permissions, pause)
    ]


def _pause_form(
    request: Request,
    store: CallStore,
    permissions: Permissions,
    scope: Scope | None,
    name: str,
    *,
    reason: str = "",
    until: str = "",
    error: str = "",
    unseen: bool = False,
) -> Response:
    if scope is not None and (name or scope is Scope.ALL):
        _require_pause(store, permissions, scope, name)
    shown: dict[str, Any] = {
        "scope": scope,
        "name": name,
        "named": named(scope, name) if scope else "",
        "reason": reason,
        "until": until,
        "unseen": unseen,
        "scopes": [each for each in Scope if permissions.may_edit_all or each in {Scope.DAG, Scope.LIST}],
        "dag_ids": [dag_id for dag_id in store.pages.dag_ids() if permissions.may_read(dag_id)],
        "error": error,
    }
    return render(request, "pause.html", permissions, status=422 if error else 200, **shown)
