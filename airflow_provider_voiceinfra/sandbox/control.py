"""The control endpoints, by which other processes inspect and control the sandbox."""

from __future__ import annotations

import json
from collections.abc import Mapping
from email.message import Message
from typing import Any

from airflow_provider_voiceinfra.sandbox.accepted_calls import AcceptedCalls, Ending
from airflow_provider_voiceinfra.sandbox.http_server import Routes
from airflow_provider_voiceinfra.sandbox.log import Log
from airflow_provider_voiceinfra.sandbox.records import Dial
from airflow_provider_voiceinfra.sandbox.replies import Reply, error, json_reply
from airflow_provider_voiceinfra.sandbox.scenarios import SCENARIOS


class Control:
    """Answers the paths under ``/sandbox``, which need no key."""

    def __init__(self, calls: AcceptedCalls, dials: Log[Dial]) -> None:
        self._calls = calls
        self._dials = dials

    def routes(self) -> Routes:
        """Return the handlers by path and method."""
        return {
            "/sandbox": {"GET": self._scenarios},
            "/sandbox/dials": {"GET": self._accepted},
            "/sandbox/complete": {"POST": self._complete},
            "/sandbox/outcome": {"POST": self._outcome},
        }

    def _scenarios(self, _headers: Message, _body: bytes) -> Reply:
        return json_reply(
            [{"number": scenario.number, "name": scenario.name, "happens": scenario.happens} for scenario in SCENARIOS]
        )

    def _accepted(self, _headers: Message, _body: bytes) -> Reply:
        return json_reply([dial.as_json() for dial in self._dials.entries()])

    def _complete(self, _headers: Message, body: bytes) -> Reply:
        try:
            request = _object(body, "call_id")
            self._calls.complete(request["call_id"], _ending(request))
        except ValueError as problem:
            return error(400, "validation_error", str(problem))
        except LookupError as problem:
            return error(404, "not_found", str(problem))
        return json_reply({"call_id": request["call_id"]})

    def _outcome(self, _headers: Message, body: bytes) -> Reply:
        try:
            request = _object(body, "number", "outcome")
            self._calls.decide(request["number"], _ending(request))
        except ValueError as problem:
            return error(400, "validation_error", str(problem))
        return json_reply({"number": request["number"], "outcome": request["outcome"]})


def _object(body: bytes, *required: str) -> dict[str, Any]:
    request = json.loads(body)
    if not isinstance(request, dict) or not all(isinstance(request.get(name), str) for name in required):
        msg = f"The body must be an object with {' and '.join(required)}"
        raise ValueError(msg)
    return request


def _ending(request: Mapping[str, Any]) -> Ending:
    fields = request.get("fields", {})
    if not isinstance(fields, dict):
        msg = f"fields must be an object, not {json.dumps(fields)}"
        raise ValueError(msg)  # noqa: TRY004 - answered like every other mistake in the body
    return Ending(request.get("outcome"), fields)
