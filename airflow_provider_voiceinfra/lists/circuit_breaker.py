"""When a list stops itself: a broken agent must not burn everybody on it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_voiceinfra.arguments import whole_number

if TYPE_CHECKING:
    from airflow_provider_voiceinfra.store.call_store import CallStore

_ACTOR = "circuit_breaker"
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """After which rows a list is paused, until a user resumes it; 0 for never.

    :param consecutive_failed: so many that ended one after the other as ``failed`` or ``rejected``.
    :param unknown: so many of which nobody knows whether they were called.
    :param overdue: so many whose completion did not come in time.
    :raises TypeError: if one is not a whole number.
    :raises ValueError: if one is negative.
    """

    consecutive_failed: int = 20
    unknown: int = 3
    overdue: int = 20

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, whole_number(field.name, getattr(self, field.name), least=0))

    def reason(self, store: CallStore, list_id: str) -> str | None:
        """Say why a list is to stop now, if it is. Rows before the last resume do not count."""
        from airflow_provider_voiceinfra.store.guard.pauses import Scope

        since = store.pauses.last_resumed(Scope.LIST, list_id) or _EVER
        if self.consecutive_failed:
            latest = store.list_rows.latest_results(list_id, since, self.consecutive_failed)
            if len(latest) == self.consecutive_failed and set(latest) <= {"failed", "rejected"}:
                return f"the last {len(latest)} calls failed"
        for result, limit in (("unknown", self.unknown), ("overdue", self.overdue)):
            if limit and store.list_rows.count_results(list_id, result, since) >= limit:
                return f"{limit} calls are {result}"
        return None

    def stop(self, store: CallStore, list_id: str, reason: str) -> None:
        """Pause a list."""
        from airflow_provider_voiceinfra.store.guard.pauses import Scope

        store.pauses.pause(Scope.LIST, list_id, reason=reason, actor=_ACTOR)
