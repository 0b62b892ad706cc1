"""Parsing of the body of a ``call.completed`` webhook."""

from __future__ import annotations

import contextlib
import json
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from airflow_provider_voiceinfra.store.json_body import read_json
from airflow_provider_voiceinfra.store.models import Completion

EVENT = "call.completed"
UNREADABLE = "unreadable"
"""The outcome of a call whose completion contains no readable one."""

# Objects that echo the request and contain no extracted data.
ECHOES = frozenset({"variables", "metadata"})
_MAX_SECONDS = 2**31 - 1
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class NotUnderstoodError(ValueError):
    """The body is not a valid completion. The message says why, without repeating the body."""


def read_payload(body: bytes) -> dict[str, Any]:
    """Parse a webhook's body, and check that it is a completion with a ``call_id``.

    :param body: the signed bytes.
    :raises NotUnderstoodError: if it is not a JSON object, is not a ``call.completed`` event, or has no ``call_id``.
    """
    payload = _json_object(body)
    event = payload.get("event")
    if isinstance(event, str) and event.strip(f" {_REPLACEMENT}") != EVENT:
        raise NotUnderstoodError("its event is not call.completed")
    if not _is_word(payload.get("call_id"), 255):
        raise NotUnderstoodError("its call_id is missing or is not a short string")
    return payload


def outcome_of(payload: dict[str, Any]) -> str:
    """Return the outcome of the call."""
    outcome = payload.get("call_outcome")
    return str(outcome) if _is_word(outcome, 64) else UNREADABLE


def start_time_of(payload: dict[str, Any]) -> datetime | None:
    """Return when the conversation began; None if that is not a valid time."""
    return _time(payload.get("start_time"))


def duration_of(payload: dict[str, Any]) -> int | None:
    """Return the duration of the conversation in seconds; None if that is not a valid duration."""
    return _seconds(payload.get("duration_seconds"))


def parse_completion(body: bytes, *, extracted_field: str = "") -> Completion:
    """Parse a webhook's body, as documented by VoiceInfra; unknown fields stay in ``payload``.

    All values can be stored as JSON in every database; the body itself is not changed.

    :param body: the signed bytes.
    :param extracted_field: the field that contains the extracted data, which VoiceInfra does not document; by default,
        the only object in the body that is not an echo of the request.
    :raises NotUnderstoodError: see :func:`read_payload`.
    """
    payload = read_payload(body)
    return _completion(payload, payload["call_id"], outcome_of(payload), extracted_field)


def stored_completion(body: bytes, call_id: str, outcome: str, *, extracted_field: str = "") -> Completion:
    """Parse the body that is stored with a call, whatever it contains.

    :param body: the signed bytes; empty if they were purged, which keeps only the outcome.
    :param extracted_field: see :func:`parse_completion`.
    """
    try:
        payload = _json_object(body)
    except NotUnderstoodError:
        return Completion(call_id, outcome)
    return _completion(payload, call_id, outcome, extracted_field)


def _completion(payload: dict[str, Any], call_id: str, outcome: str, extracted_field: str) -> Completion:
    return Completion(
        call_id=call_id,
        outcome=outcome,
        duration_seconds=duration_of(payload),
        start_time=start_time_of(payload),
        end_time=_time(payload.get("end_time")),
        agent_id=text_of(payload, "agent_id"),
        from_number=text_of(payload, "from_number"),
        to_number=text_of(payload, "to_number"),
        recording_url=text_of(payload, "recording_url"),
        transcript=text_of(payload, "transcript"),
        summary=text_of(payload, "summary"),
        extracted=_extracted(payload, extracted_field),
        payload=payload,
    )


def is_same_body(one: bytes, other: bytes) -> bool:
    """Return whether two bodies are equal as JSON objects.

    The query of the recording's URL, which may be signed anew for each delivery, is ignored.
    """
    canonical = canonical_body(one)
    return canonical is not None and canonical == canonical_body(other)


def canonical_body(body: bytes) -> str | None:
    """Return a string that is equal for equal bodies, see :func:`is_same_body`; None if it is not a JSON object."""
    try:
        payload = _json_object(body)
    except NotUnderstoodError:
        return None
    link = payload.get("recording_url")
    if isinstance(link, str):
        # An invalid URL is compared as it is.
        with contextlib.suppress(ValueError):
            payload["recording_url"] = urlunsplit(urlsplit(link)._replace(query=""))
    # Compared as a string: to Python, 1 and True are equal.
    return json.dumps(payload, sort_keys=True)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        payload = read_json(body)
    except ValueError:
        raise NotUnderstoodError("it is not JSON") from None
    if not isinstance(payload, dict):
        raise NotUnderstoodError("it is not a JSON object")
    return payload


def _is_word(value: object, longest: int) -> bool:
    return isinstance(value, str) and value.isprintable() and 0 < len(value) <= longest and _REPLACEMENT not in value


def text_of(payload: dict[str, Any], name: str) -> str | None:
    """Return a string field; None if it is not a string."""
    value = payload.get(name)
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
    # In the time zone of a PostgreSQL server, the first and the last day may be out of range.
    if not MINYEAR < time.year < MAXYEAR:
        return None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _extracted(payload: dict[str, Any], field: str) -> dict[str, Any]:
    if field:
        value = payload.get(field)
        return value if isinstance(value, dict) else {}
    objects = [value for name, value in payload.items() if isinstance(value, dict) and name not in ECHOES]
    return objects[0] if len(objects) == 1 else {}
