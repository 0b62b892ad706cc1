"""The dry run of a list: what it would do now, without calling anybody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC
from typing import Any

from airflow_provider_voiceinfra.calls.call_intent import CallIntent
from airflow_provider_voiceinfra.calls.dialing import Dialer
from airflow_provider_voiceinfra.lists.row_groups import RowGroups
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.claims.results import ConflictReason, Forecast
from airflow_provider_voiceinfra.store.guard.claim_request import ClaimRequest
from airflow_provider_voiceinfra.store.lists.row_values import DueRow
from airflow_provider_voiceinfra.store.models import CallState


@dataclass(frozen=True, slots=True)
class DryRun:
    """The result of a dry run.

    :param results: rows that would end at once, by result.
    :param when: rows that would be called, by hour (ISO 8601, UTC), ``now``, or ``after resume`` of a pause.
    :param groups: the same rows, by the times at which they may be called. Where a pause has no end, from now on.
    """

    groups: RowGroups
    results: Counter[str] = field(default_factory=Counter)
    when: Counter[str] = field(default_factory=Counter)

    def summary(self) -> dict[str, Any]:
        """Return it as plain JSON; calls that are placed now come first."""
        return {**dict(sorted(self.results.items())), "to_call": sum(self.when.values()), "when": self._in_order()}

    def _in_order(self) -> dict[str, int]:
        return dict(sorted(self.when.items(), key=lambda each: (each[0] != "now", each[0])))


def dry_run(
    store: CallStore, dialer: Dialer, batches: Iterable[Sequence[DueRow]], intent: Callable[[DueRow], CallIntent]
) -> DryRun:
    """Forecast the result of each row, and when it may be called, whatever limits other calls have used up by then.

    :param intent: makes the call of a row.
    """
    found = DryRun(RowGroups(store.database.clock.now()))
    for rows in batches:
        requests = [_without_limits(dialer.claim_request(intent(row))) for row in rows]
        for request, forecast in zip(requests, store.claims.dry_run(requests), strict=True):
            if forecast.conflict is not None:
                is_elsewhere = forecast.conflict.reason == ConflictReason.HOST
                found.results["conflict" if is_elsewhere else "already_called"] += 1
            elif forecast.state in {CallState.CLAIMED, CallState.WAITING}:
                found.when[_when(forecast)] += 1
                found.groups.add(request.rules, forecast.until)
            else:
                found.results[forecast.state] += 1
    return found


def _without_limits(request: ClaimRequest) -> ClaimRequest:
    return replace(request, rules=request.rules.without_limits())


def _when(forecast: Forecast) -> str:
    if forecast.state == CallState.CLAIMED:
        return "now"
    if forecast.until is None:
        return "after resume"
    return forecast.until.astimezone(UTC).replace(minute=0, second=0, microsecond=0).isoformat()
