"""What people do about calls: pause and resume, resolve unknown calls, add to do-not-call.

Each is asked for once more in a form of its own, and recorded with who did it.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException
from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_voiceinfra.plugin.calls_page.calls import find_call
from airflow_provider_voiceinfra.plugin.calls_page.csrf import require_script
from airflow_provider_voiceinfra.plugin.calls_page.permissions import Permissions, PermissionsDep
from airflow_provider_voiceinfra.plugin.calls_page.rendering import render, toast
from airflow_provider_voiceinfra.plugin.calls_page.store import StoreDep
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.claims.recovery import Candidates
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.guard.pauses import Pause, Scope
from airflow_provider_voiceinfra.store.models import Call, CallState

_LONGEST_WHY, _LONGEST_NAME = 500, 255

router = APIRouter(dependencies=[Depends(require_script)])
ScopeForm = Annotated[Scope, Form()]
NameForm = Annotated[str, Form(max_length=_LONGEST_NAME)]
WhyForm = Annotated[str, Form(max_length=_LONGEST_WHY)]


@router.get("/pauses")
def show_pauses(request: Request, store: StoreDep, permissions: PermissionsDep) -> Response:
    """Show what is paused, and whether the user may resume it."""
    return render(request, "pauses.html", permissions, **_pauses(store, permissions))


@router.get("/pauses/now")
def show_pauses_now(request: Request, store: StoreDep, permissions: PermissionsDep) -> Response:
    """Show in a few words what is paused; every page asks for it."""
    return render(request, "pauses_now.html", permissions, **_pauses(store, permissions))


@router.get("/pauses/pause")
def ask_to_pause(
    request: Request, store: StoreDep, permissions: PermissionsDep, scope: Scope | None = None, name: str = ""
) -> Response:
    """Ask what to pause, and for what reason."""
    return _ask_to_pause(request, store, permissions, scope, name)


@router.post("/pauses/pause")
def pause(
    request: Request,
    store: StoreDep,
    permissions: PermissionsDep,
    scope: ScopeForm,
    why: WhyForm = "",
    name: NameForm = "",
) -> Response:
    """Pause a scope. Once this is answered, no new call in it starts."""
    name = "" if scope is Scope.ALL else name.strip()
    if scope is not Scope.ALL and not name:
        return _ask_to_pause(request, store, permissions, scope, name, why=why, wrong=f"Say which {scope}.")
    _require_pause(store, permissions, scope, name)
    if not why.strip():
        wrong = "Give a reason: it is shown with each call that waits."
        return _ask_to_pause(request, store, permissions, scope, name, why=why, wrong=wrong)
    store.pauses.pause(scope, name, why=why.strip(), actor=permissions.user_name)
    return toast(f"{named(scope, name)} is paused: no new call starts.")


@router.get("/pauses/resume")
def ask_to_resume(
    request: Request, store: StoreDep, permissions: PermissionsDep, scope: Scope, name: str = ""
) -> Response:
    """Ask whether waiting calls are placed, or is cancelled."""
    _require_pause(store, permissions, scope, name)
    return render(request, "resume.html", permissions, scope=scope, name=name, named=named(scope, name), wrong="")


@router.post("/pauses/resume")
def resume(
    request: Request,
    store: StoreDep,
    permissions: PermissionsDep,
    scope: ScopeForm,
    name: NameForm = "",
    cancel: Annotated[bool, Form()] = False,
) -> Response:
    """Resume; calls that wait are placed, or cancelled."""
    _require_pause(store, permissions, scope, name)
    what = named(scope, name)
    try:
        cancelled = store.pauses.resume(scope, name, actor=permissions.user_name, cancel=cancel)
    except StoreError:
        shown: dict[str, Any] = {"scope": scope, "name": name, "named": what}
        return render(request, "resume.html", permissions, status=422, **shown, wrong=f"{what} is not paused any more.")
    return toast(
        f"{what} is resumed: " + (f"{cancelled} calls are cancelled." if cancel else "waiting calls are placed.")
    )


@router.get("/{ref}/resolve")
def ask_what_became(request: Request, store: StoreDep, permissions: PermissionsDep, ref: str) -> Response:
    """Ask what somebody has found out about an unknown call."""
    return _ask_what_became(request, store, permissions, _editable_call(store, permissions, ref))


@router.post("/{ref}/resolve")
def resolve(
    request: Request,
    store: StoreDep,
    permissions: PermissionsDep,
    ref: str,
    found: Annotated[str, Form(pattern="^(placed|not_placed)$")],
    call_id: Annotated[str, Form(max_length=255)] = "",
) -> Response:
    """Settle an unknown call by what somebody has found out."""
    call = _editable_call(store, permissions, ref)
    call_id = call_id.strip()
    if found == "placed" and not call_id:
        return _ask_what_became(request, store, permissions, call, wrong="Give the call_id from VoiceInfra's call log.")
    try:
        if found == "placed":
            store.resolutions.placed(ref, call_id, actor=permissions.user_name)
        else:
            store.resolutions.not_placed(ref, actor=permissions.user_name)
    except StoreError as error:
        return _ask_what_became(request, store, permissions, call, wrong=str(error))
    return toast(f"{ref} is settled: it was {'placed' if found == 'placed' else 'not placed, and its key is free'}.")


@router.get("/{ref}/do-not-call")
def ask_to_call_no_more(request: Request, store: StoreDep, permissions: PermissionsDep, ref: str) -> Response:
    """Ask whether the person is never to be called again, and why."""
    return render(request, "do_not_call.html", permissions, call=_editable_call(store, permissions, ref))


@router.post("/{ref}/do-not-call")
def call_no_more(store: StoreDep, permissions: PermissionsDep, ref: str, why: WhyForm = "") -> Response:
    """Put the person who was called on the do-not-call list."""
    call = _editable_call(store, permissions, ref)
    if not call.to_number:
        raise HTTPException(409, "The number of this call was removed: put it on the list by the command line.")
    new = store.do_not_call.add([call.to_number], actor=permissions.user_name, why=why.strip() or f"asked for at {ref}")
    return toast("This person is not called any more." if new else "This person was on the do-not-call list already.")


def named(scope: Scope, name: str) -> str:
    """Name what is paused."""
    return "Everything" if scope is Scope.ALL else f"{'DAG' if scope is Scope.DAG else scope.capitalize()} {name}"


def may_pause(store: CallStore, permissions: Permissions, scope: Scope, name: str) -> bool:
    """Tell whether the user may pause a scope: a DAG or its lists, with the right to edit it; more, to edit all."""
    if scope is Scope.DAG:
        return permissions.may_edit(name)
    if scope is Scope.LIST:
        known = store.list_pages.get(name)
        return permissions.may_edit(known.dag_id or None) if known else permissions.may_edit_all
    return permissions.may_edit_all


def _require_pause(store: CallStore, permissions: Permissions, scope: Scope, name: str) -> None:
    if not may_pause(store, permissions, scope, name):
        raise HTTPException(403, "You may not do this: it takes the right to edit the DAG, or all DAGs.")


def _editable_call(store: CallStore, permissions: Permissions, ref: str) -> Call:
    call = find_call(store, permissions, ref)
    permissions.require_edit(call.source.dag_id)
    return call


def _may_see(store: CallStore, permissions: Permissions, pause: Pause) -> bool:
    """Tell whether the user may see a pause: of a DAG, or a list of it, those who may see its calls."""
    if pause.scope is Scope.DAG:
        return permissions.may_read(pause.name)
    if pause.scope is Scope.LIST:
        known = store.list_pages.get(pause.name)
        return permissions.may_read(known.dag_id or None if known else None)
    return True


def _pauses(store: CallStore, permissions: Permissions) -> dict[str, Any]:
    pauses = [pause for pause in store.pauses.in_force() if _may_see(store, permissions, pause)]
    return {
        "pauses": [
            (pause, named(pause.scope, pause.name), may_pause(store, permissions, pause.scope, pause.name))
            for pause in pauses
        ]
    }


def _ask_to_pause(
    request: Request,
    store: CallStore,
    permissions: Permissions,
    scope: Scope | None,
    name: str,
    *,
    why: str = "",
    wrong: str = "",
) -> Response:
    if scope is not None and (name or scope is Scope.ALL):
        _require_pause(store, permissions, scope, name)
    scopes = [each for each in Scope if permissions.may_edit_all or each in {Scope.DAG, Scope.LIST}]
    dag_ids = [dag_id for dag_id in store.pages.dag_ids() if permissions.may_read(dag_id)]
    shown: dict[str, Any] = {
        "scope": scope,
        "name": name,
        "named": named(scope, name) if scope else "",
        "why": why,
        "scopes": scopes,
        "dag_ids": dag_ids,
        "wrong": wrong,
    }
    return render(request, "pause.html", permissions, status=422 if wrong else 200, **shown)


def _ask_what_became(
    request: Request, store: CallStore, permissions: Permissions, call: Call, *, wrong: str = ""
) -> Response:
    unknown = call.state == CallState.UNKNOWN
    candidates = store.resolutions.candidates(call.ref) if unknown else Candidates()
    shown: dict[str, Any] = {"call": call, **candidates._asdict(), "wrong": wrong}
    return render(request, "resolve.html", permissions, status=422 if wrong else 200, **shown)
