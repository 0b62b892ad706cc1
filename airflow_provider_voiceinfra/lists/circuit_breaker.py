"""When a list stops itself: a broken agent must not burn everybody on it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_voiceinfra.arguments import number, whole_number
from airflow_provider_voiceinfra.store.models import ANSWERED

if TYPE_CHECKING:
    from airflow_provider_voiceinfra.store.call_store import CallStore

_ACTOR = "circuit_breaker"
_FAILED = frozenset({"failed", "rejected"})
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """After which calls a list is paused, until a user resumes it. Redials count as the calls that they are.

    :param consecutive_failed: so many calls that ended one after the other as ``failed`` or ``rejected``; 0 for never.
    :param unknown: so many rows of which nobody knows whether they were called; 0 for never. Rows that one lost worker
        leaves at once count as one.
    :param overdue: so many rows whose completion did not come in time; 0 for never.
    :param min_answer_rate: a smaller share of answered calls among the last ``window`` ones; 0 for never.
    :param max_failed_rate: a larger share of failed or rejected calls among the last ``window`` ones; 1 for never.
    :param window: of how many calls the shares are; fewer calls have no share.
    :raises TypeError: if one is not a number.
    :raises ValueError: if one is out of range.
    """

    consecutive_failed: int = 20
    unknown: int = 3
    overdue: int = 20
    min_answer_rate: float = 0.05
    max_failed_rate: float = 0.6
    window: int = 100

    def __post_init__(self) -> None:
        for name in ("consecutive_failed", "unknown", "overdue"):
            object.__setattr__(self, name, whole_number(name, getattr(self, name), least=0))
        for name in ("min_answer_rate", "max_failed_rate"):
            object.__setattr__(self, name, number(name, getattr(self, name), 0, 1))
        object.__setattr__(self, "window", whole_number("window", self.window, least=1))

    def reason(self, store: CallStore, list_id: str) -> str | None:
        """Return why a list is to stop now, if it is. Calls that ended before the last resume do not count."""
        from airflow_provider_voiceinfra.store.guard.pauses import Scope

        since = store.pauses.last_resumed(Scope.LIST, list_id) or _EVER
        latest = store.calls.latest_ended(list_id, max(self.consecutive_failed, self.window))
        ended = [call.outcome for call in latest if call.ended_at >= since]
        return self._reason_of_calls(ended) or self._reason_of_rows(store, list_id, since)

    def _reason_of_calls(self, ended: list[str]) -> str | None:
        last = ended[: self.consecutive_failed]
        if last and len(last) == self.consecutive_failed and _FAILED.issuperset(last):
            return f"the last {len(last)} calls failed"
        if len(ended) < self.window:
            return None
        counts = Counter(ended[: self.window])
        answered, failed = counts[ANSWERED], sum(counts[result] for result in _FAILED)
        if answered < self.min_answer_rate * self.window:
            rate = f"min_answer_rate={self.min_answer_rate:g}"
            return f"only {answered} of the last {self.window} calls were answered ({rate})"
        if failed > self.max_failed_rate * self.window:
            return f"{failed} of the last {self.window} calls failed (max_failed_rate={self.max_failed_rate:g})"
        return None

    def _reason_of_rows(self, store: CallStore, list_id: str, since: datetime) -> str | None:
        if self.overdue and store.list_rows.count_results(list_id, "overdue", since) >= self.overdue:
            return f"{self.overdue} calls are overdue"
        if self.unknown and store.list_rows.count_unknown(list_id, since) >= self.unknown:
            return f"calls are unknown after {self.unknown} separate errors or lost workers"
        return None

    def stop(self, store: CallStore, list_id: str, reason: str) -> None:
        """Pause a list."""
        from airflow_provider_voiceinfra.store.guard.pauses import Scope

        store.pauses.pause(Scope.LIST, list_id, reason=reason, actor=_ACTOR)
