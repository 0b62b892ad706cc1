"""The checks of ``POST /calls/outbound``, in the order of VoiceInfra's."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

from airflow_provider_voiceinfra.sandbox.records import OutboundRequest

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_REQUIRED = ("agent_id", "from_number", "to_number")
_STRINGS = ("first_message", "context")
_KNOWN = {*_REQUIRED, *_STRINGS, "variables"}


@dataclass(frozen=True, slots=True)
class Account:
    """The account: its API key, agents and numbers."""

    api_key: str
    agents: Collection[str]
    from_numbers: Collection[str]


class RefusedError(Exception):
    """The request is invalid; the message repeats the invalid value, as real APIs do."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def check(headers: Message, body: bytes, account: Account) -> OutboundRequest:
    """Parse and check a request.

    :raises RefusedError: if the request is invalid
    """
    key = headers.get("X-API-Key")
    if key is None:
        raise RefusedError(401, "unauthorized", "The X-API-Key header is missing")
    if key != account.api_key:
        raise RefusedError(401, "unauthorized", f"Invalid API key '{key}'")
    fields = _json_object(headers, body)
    _check_fields(fields)
    if fields["agent_id"] not in account.agents:
        raise RefusedError(404, "not_found", f"Agent '{fields['agent_id']}' does not exist or is inactive")
    _check_numbers(fields, account)
    known = {name: value for name, value in fields.items() if name in _KNOWN}
    return OutboundRequest(**known, unknown_fields=tuple(name for name in fields if name not in _KNOWN))


def _invalid(message: str) -> RefusedError:
    return RefusedError(400, "validation_error", message)


def _json_object(headers: Message, body: bytes) -> dict[str, Any]:
    media_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise _invalid(f"Content-Type must be application/json, not '{media_type}'")
    try:
        fields = json.loads(body)
    except ValueError as error:
        raise _invalid(f"The body is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise _invalid(f"The body must be an object, not {json.dumps(fields)}")
    return fields


def _check_fields(fields: Mapping[str, Any]) -> None:
    for name in _REQUIRED:
        if name not in fields:
            raise _invalid(f"{name} is required")
        if not isinstance(fields[name], str) or not fields[name]:
            raise _invalid(f"{name} must be a non-empty string, not {json.dumps(fields[name])}")
    for name in _STRINGS:
        if name in fields and not isinstance(fields[name], str):
            raise _invalid(f"{name} must be a string, not {json.dumps(fields[name])}")
    if "variables" in fields and not isinstance(fields["variables"], dict):
        raise _invalid(f"variables must be an object, not {json.dumps(fields['variables'])}")


def _check_numbers(fields: Mapping[str, Any], account: Account) -> None:
    for name in ("to_number", "from_number"):
        if not _E164.fullmatch(fields[name]):
            raise RefusedError(422, "invalid_phone", f"{name} '{fields[name]}' is not a valid E.164 number")
    if fields["from_number"] not in account.from_numbers:
        raise _invalid(f"from_number '{fields['from_number']}' is not one of the account's numbers")
