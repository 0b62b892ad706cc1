"""The receiver's metrics, and the interface they are sent to."""

from __future__ import annotations

from typing import Protocol

PREFIX = "voiceinfra.webhooks"
CALLS = "voiceinfra.calls"


class Metrics(Protocol):
    """Receives metrics with names such as ``voiceinfra.webhooks.new``."""

    def incr(self, name: str, count: int = 1) -> None:
        """Add to a counter."""

    def gauge(self, name: str, value: float) -> None:
        """Set a gauge."""


class NoMetrics:
    """Drops all metrics."""

    def incr(self, name: str, count: int = 1) -> None:
        """Do nothing."""

    def gauge(self, name: str, value: float) -> None:
        """Do nothing."""
