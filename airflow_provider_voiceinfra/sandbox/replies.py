"""The API's replies."""

from __future__ import annotations

import json
from dataclasses import dataclass

from airflow_provider_voiceinfra.sandbox.records import Dial, OutboundRequest, iso
from airflow_provider_voiceinfra.sandbox.scenarios import OTHER_NUMBER, Answer

ELSEWHERE = "http://127.0.0.1:9/elsewhere"
_JSON = ("Content-Type", "application/json")
_UNREADABLE = b"<html><body><h1>200 OK</h1>The proxy lost its notes.</body></html>"

# Like real APIs, these messages repeat request values, to test that clients redact them.
_REJECTIONS: dict[int, tuple[str, str]] = {
    307: ("moved", "VoiceInfra is elsewhere"),
    400: ("validation_error", "Invalid parameters: {request}"),
    401: ("unauthorized", "Invalid API key '{key}'"),
    404: ("not_found", "Agent '{request.agent_id}' does not exist or is inactive"),
    408: ("request_timeout", "Timed out while connecting to {request.to_number}"),
    422: ("invalid_phone", "to_number '{request.to_number}' is not a valid E.164 number"),
    429: ("rate_limited", "Too many calls from {request.from_number}"),
    500: ("server_error", "Could not finish the request to call {request.to_number}"),
    503: ("unavailable", "No line is free to call {request.to_number}"),
}


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply, and how it is sent to the client.

    :param status: HTTP status; 0 if the connection is closed instead
    :param code: the error's code; empty if it is not an error
    """

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (_JSON,)
    answer: Answer = Answer.WHOLE
    code: str = ""


def json_reply(payload: object) -> Reply:
    """Make a JSON reply."""
    return Reply(200, json.dumps(payload).encode())


def error(status: int, code: str, message: str, *headers: tuple[str, str]) -> Reply:
    """Make an error reply, in VoiceInfra's format."""
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    return Reply(status, body, (_JSON, *headers), code=code)


def refusal(status: int, request: OutboundRequest, key: str, *headers: tuple[str, str]) -> Reply:
    """Make the error reply to a valid request that its scenario defines."""
    code, message = _REJECTIONS[status]
    message = message.format(request=request, key=key)
    if status == 307:  # noqa: PLR2004
        headers = (*headers, ("Location", ELSEWHERE))
    return error(status, code, message, *headers)


def queued(dial: Dial) -> Reply:
    """Make the reply to an accepted call, as its scenario says."""
    answer = dial.scenario.answer
    if answer is Answer.UNREADABLE:
        return Reply(200, _UNREADABLE, (("Content-Type", "text/html"),))
    fields = {
        "call_id": dial.call_id,
        "status": "queued",
        "agent_id": dial.agent_id,
        "to_number": dial.to_number,
        "from_number": dial.from_number,
        "created_at": iso(dial.at),
    }
    if answer is Answer.WITHOUT_CALL_ID:
        del fields["call_id"]
    if answer is Answer.OTHER_NUMBER:
        fields["to_number"] = OTHER_NUMBER
    return Reply(200, json.dumps(fields).encode(), answer=answer)
