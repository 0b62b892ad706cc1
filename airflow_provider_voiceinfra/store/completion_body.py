"""From the body of a ``call.completed`` webhook to a completion."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from airflow_provider_voiceinfra.store.records import Completion

EVENT = "call.completed"

# Objects that say what was asked, not what was learned.
_ECHOES = frozenset({"variables", "metadata"})
_MAX_SECONDS = 2**31 - 1
# Far from the interpreter's limit: what is understood on arrival must be understood wherever it is read.
_MAX_DEPTH = 100


class NotUnderstoodError(ValueError):
    """The body is not a completion that we understand; says why, without repeating it."""


def parse_completion(body: bytes, *, extracted_field: str = "") -> Completion:
    """Understand a webhook's body, as documented by VoiceInfra; unknown fields stay in ``payload``.

    :param body: the bytes as they were signed.
    :param extracted_field: the name of the extracted data's field, which VoiceInfra does not document. By
        default it is the only object in the body that is not an echo of the request.
    :raises NotUnderstoodError: if it is no JSON object, no ``call.completed`` event, or lacks id or outcome.
    """
    payload = _json_object(body)
    if payload.get("event", EVENT) != EVENT:
        raise NotUnderstoodError("its event is not call.completed")
    return Completion(
        call_id=_required_text(payload, "call_id", longest=255),
        outcome=_required_text(payload, "call_outcome", longest=64),
        duration_seconds=_seconds(payload.get("duration_seconds")),
        start_time=_time(payload.get("start_time")),
        end_time=_time(payload.get("end_time")),
        agent_id=_text(payload.get("agent_id")),
        from_number=_text(payload.get("from_number")),
        to_number=_text(payload.get("to_number")),
        recording_url=_text(payload.get("recording_url")),
        transcript=_text(payload.get("transcript")),
        summary=_text(payload.get("summary")),
        extracted=_extracted(payload, extracted_field),
        payload=payload,
    )


def digest(payload: dict[str, Any]) -> str:
    """Tell bodies apart by what they say.

    :param payload: the body; the query of its recording's link, which may be signed anew for each delivery,
        does not count.
    """
    link = payload.get("recording_url")
    if isinstance(link, str):
        # What is not a link at all is compared as it is.
        with contextlib.suppress(ValueError):
            payload = payload | {"recording_url": urlunsplit(urlsplit(link)._replace(query=""))}
    return hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        payload = json.loads(body)
        # A lone surrogate can be parsed, but not stored.
        json.dumps(payload, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise NotUnderstoodError("it is not JSON") from None
    if not isinstance(payload, dict):
        raise NotUnderstoodError("it is not a JSON object")
    level: list[Any] = [payload]
    for _ in range(_MAX_DEPTH):
        level = [inner for value in level for inner in _inner(value)]
    if level:
        raise NotUnderstoodError("it is nested too deeply")
    return payload


def _inner(value: object) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _required_text(payload: dict[str, Any], name: str, *, longest: int) -> str:
    value = payload.get(name)
    if not isinstance(value, str) or not value.isprintable() or not 0 < len(value) <= longest:
        raise NotUnderstoodError(f"its {name} is missing or is no short text")
    return value


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _seconds(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX_SECONDS:
        return None
    return int(value)


def _time(value: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    # PostgreSQL reads times in the zone of its server, where the first and the last day may be none.
    if not MINYEAR < time.year < MAXYEAR:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _extracted(payload: dict[str, Any], field: str) -> dict[str, Any]:
    if field:
        value = payload.get(field)
        return value if isinstance(value, dict) else {}
    objects = [value for name, value in payload.items() if isinstance(value, dict) and name not in _ECHOES]
    return objects[0] if len(objects) == 1 else {}
