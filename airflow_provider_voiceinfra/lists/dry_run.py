"""What would become of a list's rows, and when, if it were called now; nobody is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC
from typing import Any

from airflow_provider_voiceinfra.calls.call_intent import CallIntent
from airflow_provider_voiceinfra.calls.dialing import Dialer
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.guard.rules import Asked, Refusal, Refused, Rule
from airflow_provider_voiceinfra.store.lists.list_rows import DueRow
from airflow_provider_voiceinfra.store.models import Conflict, ConflictReason

_WAITS = frozenset({Rule.PAUSED, Rule.CALLING_HOURS})


@dataclass(frozen=True, slots=True)
class Plan:
    """What would become of the rows.

    :param results: how many would end at once, by result.
    :param when: how many would be called from an hour on (ISO 8601, UTC), ``now``, or ``after resume`` of a pause.
    """

    results: Counter[str] = field(default_factory=Counter)
    when: Counter[str] = field(default_factory=Counter)

    def summary(self) -> dict[str, Any]:
        """Give it as plain JSON; calls that go ahead at once come first."""
        return {**dict(sorted(self.results.items())), "to_call": sum(self.when.values()), "when": self._in_order()}

    def _in_order(self) -> dict[str, int]:
        return dict(sorted(self.when.items(), key=lambda each: (each[0] != "now", each[0])))


def plan(
    store: CallStore, dialer: Dialer, batches: Iterable[Sequence[DueRow]], intent: Callable[[DueRow], CallIntent]
) -> Plan:
    """Ask what stands in the way of each row now.

    Limits of the connection are not reckoned with: how soon lines are free depends on what people say.

    :param intent: gives the call that a row asks for.
    """
    found = Plan()
    for rows in batches:
        asked = [_without_limits(dialer.ask(intent(row))) for row in rows]
        for met in store.claims.foresee(asked):
            if isinstance(met, Conflict):
                found.results["conflict" if met.reason == ConflictReason.HOST else "already_called"] += 1
            elif isinstance(met, Refused):
                found.results[met.state] += 1
            elif met is not None and met.rule not in _WAITS:
                found.results[met.rule.state] += 1
            else:
                found.when[_when(met)] += 1
    return found


def _without_limits(asked: Asked) -> Asked:
    return replace(asked, rules=replace(asked.rules, max_calls_per_day=None, max_in_flight=None))


def _when(met: Refusal | None) -> str:
    if met is None:
        return "now"
    if met.rule == Rule.PAUSED or met.until is None:
        return "after resume"
    return met.until.astimezone(UTC).replace(minute=0, second=0, microsecond=0).isoformat()
