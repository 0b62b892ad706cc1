"""What deliveries brought, for metrics and the log: ids and outcomes, and none of the words in them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.inbox.delivery import Delivery
from airflow_provider_voiceinfra.store.models import OUTCOMES, DeliveryResult
from airflow_provider_voiceinfra.webhook.metrics import CALLS, PREFIX, Metrics

log = logging.getLogger(__name__)


def report(metrics: Metrics, deliveries: Sequence[Delivery], brought: Sequence[DeliveryResult]) -> None:
    """Count and log what each delivery brought."""
    for what, count in Counter(brought).items():
        metrics.incr(f"{PREFIX}.{what}", count)
    ended = Counter(each.outcome for each, what in zip(deliveries, brought, strict=True) if what is DeliveryResult.NEW)
    for outcome, count in ended.items():
        # Anything else would be a name that others choose.
        metrics.incr(f"{CALLS}.completed.{outcome if outcome in OUTCOMES else 'other'}", count)
    for delivery, what in zip(deliveries, brought, strict=True):
        if what is DeliveryResult.QUARANTINED:
            log.warning("A signed webhook is in quarantine: %s.", delivery.reason or "the store refuses it")
        elif not delivery.reason:
            log.info("Completion of %s (%s): %s.", delivery.call_id, delivery.outcome, what)


def describe(error: Exception) -> str:
    """Say what is wrong, without words that may be a caller's."""
    if isinstance(error, TimeoutError):
        return "It does not answer."
    if isinstance(error, OSError):
        return f"{error.strerror or type(error).__name__}."
    return str(error) if isinstance(error, StoreError) else f"{type(error).__name__}."
