"""Redialling calls that were not answered."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from airflow_provider_voiceinfra.arguments import choices, duration, whole_number
from airflow_provider_voiceinfra.store.models import OUTCOMES


@dataclass(frozen=True, slots=True)
class Redial:
    """When to call a person again. Never after a call of which nobody knows whether it was placed.

    :param outcomes: after which it is done, such as ``["voicemail", "failed"]``.
    :param attempts: calls at most, the first one included.
    :param wait: from the end of one call to the next, a timedelta or seconds.
    :raises TypeError: if an argument is of another type.
    :raises ValueError: if an outcome is not VoiceInfra's, or there is nothing to redial.
    """

    outcomes: Collection[str] = ("voicemail", "failed")
    attempts: int = 3
    wait: timedelta = timedelta(hours=2)

    def __post_init__(self) -> None:
        object.__setattr__(self, "outcomes", choices("outcomes", self.outcomes, OUTCOMES))
        if not self.outcomes:
            raise ValueError(f"outcomes must name one of {', '.join(OUTCOMES)}")
        object.__setattr__(self, "attempts", whole_number("attempts", self.attempts, least=2))
        object.__setattr__(self, "wait", duration("wait", self.wait))
