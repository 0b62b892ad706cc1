"""What the sandbox remembers: the calls it took, the ones it did not, and its webhooks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_voiceinfra.sandbox.scenarios import Scenario


def iso(moment: datetime) -> str:
    """Write a moment the way VoiceInfra's JSON does.

    :param moment: an aware datetime
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Dial:
    """A call that was accepted: in the real world, a phone that rings.

    :param unknown_fields: names of what was sent beside the documented fields
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

    :param status: HTTP status that was answered, None if the connection was dropped instead
    :param code: the error's code, empty if none was answered
    :param to_number: the number, once the request was found valid
    """

    at: datetime
    status: int | None
    code: str
    to_number: str | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try to deliver a webhook.

    :param attempt: 1 for the first try
    :param status: HTTP status that came back, None if none did
    :param error: why none did
    """

    call_id: str
    attempt: int
    at: datetime
    status: int | None
    error: str | None = None

    @property
    def acknowledged(self) -> bool:
        """Whether the webhook was taken, and will not be sent again."""
        return self.status == 200  # noqa: PLR2004
