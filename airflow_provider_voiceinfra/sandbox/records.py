"""Records of the sandbox: accepted calls, refused calls, and deliveries of webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_voiceinfra.sandbox.scenarios import Scenario


def iso(moment: datetime) -> str:
    """Format a time as in VoiceInfra's JSON.

    :param moment: an aware datetime
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Dial:
    """An accepted call: in the real world, a phone that rings.

    :param unknown_fields: names of undocumented fields that were sent
    """

    call_id: str
    at: datetime
    agent_id: str
    from_number: str
    to_number: str
    first_message: str | None
    context: str | None
    variables: Mapping[str, Any] | None
    scenario: Scenario
    unknown_fields: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Return the dial as ``GET /sandbox/dials`` shows it; the scenario is its code."""
        return {
            "call_id": self.call_id,
            "at": iso(self.at),
            "agent_id": self.agent_id,
            "from_number": self.from_number,
            "to_number": self.to_number,
            "first_message": self.first_message,
            "context": self.context,
            "variables": self.variables,
            "scenario": self.scenario.code,
            "unknown_fields": list(self.unknown_fields),
        }


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
