"""Metrics and log lines of deliveries: ids and outcomes, never the content."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.inbox.delivery import Delivery
from airflow_provider_voiceinfra.store.models import OUTCOMES, DeliveryResult
from airflow_provider_voiceinfra.webhook.metrics import CALLS, PREFIX, Metrics

log = logging.getLogger(__name__)


def report(metrics: Metrics, deliveries: Sequence[Delivery], results: Sequence[DeliveryResult]) -> None:
    """Count and log the result of each delivery."""
    for result, count in Counter(results).items():
        metrics.incr(f"{PREFIX}.{result}", count)
    ended = Counter(
        each.outcome for each, result in zip(deliveries, results, strict=True) if result is DeliveryResult.NEW
    )
    for outcome, count in ended.items():
        # A sender must not be able to choose metric names.
        metrics.incr(f"{CALLS}.completed.{outcome if outcome in OUTCOMES else 'other'}", count)
    for delivery, result in zip(deliveries, results, strict=True):
        if result is DeliveryResult.QUARANTINED:
            log.warning("A signed webhook is in quarantine: %s.", delivery.reason or "the store refuses it")
        elif not delivery.reason:
            log.info("Completion of %s (%s): %s.", delivery.call_id, delivery.outcome, result)


def describe(error: Exception) -> str:
    """Describe an error without repeating content of a webhook."""
    if isinstance(error, TimeoutError):
        return "It does not answer."
    if isinstance(error, OSError):
        return f"{error.strerror or type(error).__name__}."
    return str(error) if isinstance(error, StoreError) else f"{type(error).__name__}."
