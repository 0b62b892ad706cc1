"""Parses calling hours from a string, such as the connection's."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

_WINDOWS = re.compile(
    r"(?P<days>[a-z,-]+)\s+(?P<windows>\d[\d:,\s-]*\d)(?:\s+(?P<zone>\S+))?", re.IGNORECASE | re.ASCII
)
_ZONE = re.compile(r"(?P<zone>[a-z]+(/\S+)?)", re.IGNORECASE | re.ASCII)
_OTHER = re.compile(r"(?P<name>closed|holidays)\s+(?P<value>\S.*)", re.IGNORECASE)
_EXAMPLES = (
    "mon-fri 09:00-19:00 America/New_York, or mon-fri 09:00-12:00,14:00-19:00; sat 10:00-13:00; closed 2026-12-25; "
    "holidays US; America/New_York"
)


def read_hours(text: str) -> dict[str, Any]:
    """Read the arguments of calling hours from a string, whose parts are separated by semicolons.

    :raises ValueError: if it cannot be read, or names something twice.
    """
    windows: dict[str, str] = {}
    others: list[tuple[str, str]] = []
    for part in filter(None, (each.strip() for each in text.split(";"))):
        if match := _OTHER.fullmatch(part):
            others.append((match["name"].lower(), match["value"].strip()))
        elif match := _WINDOWS.fullmatch(part):
            if match["days"] in windows:
                raise ValueError(f"{match['days']} is named twice: write all its times together")
            windows[match["days"]] = match["windows"]
            if match["zone"]:
                others.append(("timezone", match["zone"]))
        elif match := _ZONE.fullmatch(part):
            others.append(("timezone", match["zone"]))
        else:
            raise ValueError(f"{part!r} cannot be read: write calling hours like {_EXAMPLES}")
    found: dict[str, Any] = dict(others)
    if not windows or len(found) < len(others):
        wrong = "names no hours" if not windows else "names a time zone, closed days or holidays twice"
        raise ValueError(f"{text!r} {wrong}: write calling hours like {_EXAMPLES}")
    if "closed" in found:
        found["closed"] = [read_date(each.strip()) for each in found["closed"].split(",")]
    return found | {"windows": windows}


def read_date(text: str) -> date:
    """Read a closed day, such as ``2026-12-25``.

    :raises ValueError: if it is not a date.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"closed: {text!r} is not a date: write it like 2026-12-25") from None
