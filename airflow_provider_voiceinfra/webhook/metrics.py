"""The receiver's metrics and log lines: ids and outcomes, never the content."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.inbox.delivery import Delivery
from airflow_provider_voiceinfra.store.models import OUTCOMES, DeliveryResult

log = logging.getLogger(__name__)

PREFIX = "voiceinfra.webhooks"


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


def report(metrics: Metrics, deliveries: Sequence[Delivery], results: Sequence[DeliveryResult]) -> None:
    """Count and log the result of each delivery."""
    counts = Counter(f"{PREFIX}.{result}" for result in results)
    for delivery, result in zip(deliveries, results, strict=True):
        if result is DeliveryResult.NEW:
            # A sender must not be able to choose metric names.
            outcome = delivery.outcome if delivery.outcome in OUTCOMES else "other"
            counts[f"voiceinfra.calls.completed.{outcome}"] += 1
        if result is DeliveryResult.QUARANTINED:
            log.warning("A signed webhook is in quarantine: %s.", delivery.reason or "the store rejects it")
        elif not delivery.reason:
            log.info("Completion of %s (%s): %s.", delivery.call_id, delivery.outcome, result)
    for name, count in counts.items():
        metrics.incr(name, count)


def describe(error: Exception) -> str:
    """Describe an error without repeating content of a webhook."""
    if isinstance(error, TimeoutError):
        return "It does not answer."
    if isinstance(error, OSError):
        return f"{error.strerror or type(error).__name__}."
    return str(error) if isinstance(error, StoreError) else f"{type(error).__name__}."
