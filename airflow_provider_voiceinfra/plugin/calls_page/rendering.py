"""Renders the templates. All values are escaped, whatever their source."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from airflow_provider_voiceinfra import __version__, paths
from airflow_provider_voiceinfra.lists.set_aside import remedy
from airflow_provider_voiceinfra.phone_numbers.e164 import mask
from airflow_provider_voiceinfra.store.models import OUTCOMES

STATIC = Path(__file__).parent / "static"
ZONE_COOKIE = "voiceinfra_zone"


def toast(sentence: str) -> Response:
    """Answer an action: the page shows the sentence as a toast, and reloads its parts."""
    events = json.dumps({"voiceinfra-toast": sentence, "voiceinfra-changed": True})
    return Response(status_code=204, headers={"HX-Trigger": events})


def zone_of(request: Request) -> ZoneInfo:
    """Return the visitor's time zone, which the page's script sends as a cookie; UTC before the first page."""
    try:
        return ZoneInfo(unquote(request.cookies.get(ZONE_COOKIE, "UTC")))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


@cache
def templates() -> jinja2.Environment:
    """Return the templates, which escape all values."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    vendor = {path.name.split("-")[0]: f"vendor/{path.name}" for path in (STATIC / "vendor").glob("*.js")}
    made.globals |= {"vendor": vendor, "version": __version__, "OUTCOMES": OUTCOMES}
    made.globals |= {"task_path": paths.task_path, "run_path": paths.run_path, "dag_path": paths.dag_path}
    made.filters |= {"duration": duration, "label": label, "masked": mask, "plain": plain, "remedy": remedy}
    return made


def format_time(time: datetime | None, zone: ZoneInfo, *, short: bool) -> Markup:
    """Format a time in the visitor's time zone, and name the zone.

    :param short: only the hour, where the page names the date and the zone nearby.
    """
    if time is None:
        return Markup("")
    local = time.astimezone(zone)
    text = f"{local:%H:%M:%S}" if short else f"{local:%d %b %Y, %H:%M:%S %Z}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        time.astimezone(UTC).isoformat(), f"{local:%A, %d %B %Y, %H:%M:%S %Z}", text
    )


def duration(seconds: float | None) -> str:
    """Format a duration: 65 becomes ``1:05``, 3,700 becomes ``1 h 01``."""
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes:02}" if hours else f"{minutes}:{rest:02}"


def label(name: str) -> str:
    """Format an identifier for people: ``not_placed`` becomes ``not placed``."""
    return name.replace("_", " ")


def plain(value: Any) -> str:
    """Format a value: a string as it is, anything else as JSON."""
    if isinstance(value, Mapping | list):
        return json.dumps(value, ensure_ascii=False, indent=2)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
