"""Records of the sandbox: requests, accepted calls, rejected requests, and deliveries of webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from airflow_provider_voiceinfra.sandbox.scenarios import Scenario


def iso(moment: datetime) -> str:
    """Format an aware datetime as in VoiceInfra's JSON."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundRequest:
    """The body of a valid request.

    :param unknown_fields: names of undocumented fields
    """

    agent_id: str
    from_number: str
    to_number: str
    first_message: str | None = None
    context: str | None = None
    variables: Mapping[str, Any] | None = None
    unknown_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial(OutboundRequest):
    """An accepted call: in the real world, a phone that rings."""

    call_id: str
    at: datetime
    scenario: Scenario

    def as_json(self) -> dict[str, object]:
        """Return the dial as ``GET /sandbox/dials`` shows it; the scenario is its code."""
        return {**asdict(self), "at": iso(self.at), "scenario": self.scenario.code}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A POST that did not become a call.

    :param status: HTTP status of the answer; None if the connection was closed instead
    :param code: the error's code; empty if there is none
    :param to_number: the callee's number, if the request was valid
    """

    at: datetime
    status: int | None
    code: str
    to_number: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """An attempt to deliver a webhook.

    :param attempt: 1 for the first attempt
    :param status: HTTP status of the response; None if there was none
    :param error: why there was none
    """

    call_id: str
    attempt: int
    at: datetime
    status: int | None
    error: str | None = None

    @property
    def acknowledged(self) -> bool:
        """Whether the webhook was accepted, and will not be sent again."""
        return self.status == 200  # noqa: PLR2004
