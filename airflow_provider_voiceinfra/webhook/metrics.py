"""What the receiver counts; whoever runs it says where the figures go."""

from __future__ import annotations

from typing import Protocol

PREFIX = "voiceinfra.webhooks"
CALLS = "voiceinfra.calls"


class Metrics(Protocol):
    """Takes figures under names such as ``voiceinfra.webhooks.received``."""

    def incr(self, name: str, count: int = 1) -> None:
        """Add to a counter."""

    def gauge(self, name: str, value: float) -> None:
        """Set a gauge."""


class NoMetrics:
    """Takes figures nowhere."""

    def incr(self, name: str, count: int = 1) -> None:
        """Do nothing."""

    def gauge(self, name: str, value: float) -> None:
        """Do nothing."""
