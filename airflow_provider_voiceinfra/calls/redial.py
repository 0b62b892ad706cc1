"""Calling again who was not reached."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

OUTCOMES = ("answered", "voicemail", "failed")
"""VoiceInfra's outcomes of a call."""


@dataclass(frozen=True, slots=True)
class Redial:
    """When to call a person again. Never after a call of which nobody knows whether it was placed.

    :param outcomes: after which it is done, such as ``{"voicemail", "failed"}``.
    :param attempts: calls at most, the first one included.
    :param wait: from the end of one call to the next.
    :raises ValueError: if an outcome is not VoiceInfra's, or there is nothing to redial.
    """

    outcomes: Collection[str] = ("voicemail", "failed")
    attempts: int = 3
    wait: timedelta = timedelta(hours=2)

    def __post_init__(self) -> None:
        if isinstance(self.outcomes, str) or not self.outcomes or not set(self.outcomes) <= set(OUTCOMES):
            raise ValueError(f"outcomes must be some of {', '.join(OUTCOMES)}, not {self.outcomes!r}")
        if self.attempts < 2:  # noqa: PLR2004
            raise ValueError(f"attempts must be 2 or more, the first call included, not {self.attempts!r}")
        if self.wait < timedelta(0):
            raise ValueError(f"wait must not be negative, not {self.wait!r}")
