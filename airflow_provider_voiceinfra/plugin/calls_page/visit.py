"""What every route of the Calls page needs of a request."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from airflow_provider_voiceinfra import paths
from airflow_provider_voiceinfra.phone_numbers.e164 import mask
from airflow_provider_voiceinfra.plugin.calls_page.permissions import Permissions, PermissionsDep
from airflow_provider_voiceinfra.plugin.calls_page.rendering import format_time, templates, zone_of
from airflow_provider_voiceinfra.store.call_store import CallStore


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of a signed-in user."""

    request: Request
    store: CallStore
    permissions: Permissions

    @property
    def zone(self) -> ZoneInfo:
        """The visitor's time zone."""
        return zone_of(self.request)

    @property
    def dag_ids(self) -> list[str]:
        """The DAGs with calls that they may see, for a form."""
        return [dag_id for dag_id in self.store.pages.dag_ids() if self.permissions.may_read(dag_id)]

    def render(self, template: str, /, *, status: int = 200, **shown: Any) -> Response:
        """Render a page, or a part of one."""
        zone = self.zone
        shown |= {
            "base": paths.calls_path(),
            "airflow": paths.airflow_path(),
            "path": self.request.url.path,
            "zone": zone.key,
            "when": lambda time, short=False: format_time(time, zone, short=short),
            "number": self.shown_number,
        }
        return HTMLResponse(templates().get_template(template).render(shown), status_code=status)

    def render_form(self, template: str, *, error: str, **shown: Any) -> Response:
        """Render a form, again if there is an error in what was entered."""
        return self.render(template, status=422 if error else 200, error=error, **shown)

    def refresh(self, template: str, shown: dict[str, Any]) -> Response:
        """Render a part of a page again; 204 if the browser shows this version already."""
        if self.request.query_params.get("seen") == shown["version"]:
            return Response(status_code=204)
        return self.render(template, **shown)

    def shown_number(self, number: str, dag_id: str | None) -> str:
        """Show a number in full, or masked where they may not read the call's content."""
        if not number:
            return "removed"
        return number if self.permissions.may_read_content(dag_id) else mask(number)


def version_of(*shown: object) -> str:
    """Hash what a part of a page shows."""
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]


async def get_visit(request: Request, permissions: PermissionsDep) -> Visit:
    """Return the visit; without a session, Airflow answers 401."""
    return Visit(request, request.app.state.store, permissions)


VisitDep = Annotated[Visit, Depends(get_visit)]
