"""What a call list's task is to do: the operator's arguments, as its run gets them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from airflow_provider_voiceinfra.calls.redial import Redial
from airflow_provider_voiceinfra.guard.calling_hours import CallingHours
from airflow_provider_voiceinfra.guard.limits import Limits
from airflow_provider_voiceinfra.lists.circuit_breaker import CircuitBreaker
from airflow_provider_voiceinfra.lists.variants import Variant
from airflow_provider_voiceinfra.store.guard.rules import Cap


@dataclass(frozen=True, slots=True)
class ListOptions:
    """The arguments of :class:`.OutboundCallListOperator`, rendered; see there."""

    sql: str | None
    sql_conn_id: str | None
    calls: Any = field(repr=False)
    column_map: Mapping[str, str | Sequence[str]]
    variable_columns: Sequence[str]
    metadata_columns: Sequence[str]
    key_column: str | None
    key_prefix: str | None
    order_by_priority: str | None
    agent_id: str | None
    from_number: str | Sequence[str] | None = field(repr=False)
    first_message: str | None = field(repr=False)
    context: str | None = field(repr=False)
    voiceinfra_conn_id: str
    default_region: str | None
    max_in_flight: int
    calls_per_second: float | None
    calling_hours: CallingHours | None
    max_calls_per_number: tuple[Cap, ...]
    max_minutes: int | None
    redial: Redial | None
    completion_timeout: timedelta
    give_up_after: timedelta | None
    max_invalid_fraction: float
    max_failed_fraction: float | None
    suppress_sql: str | None
    eligible_sql: str | None
    circuit_breaker: CircuitBreaker | None
    pilot: int | None
    variants: Mapping[str, Variant]

    def pace(self, limits: Limits) -> float | None:
        """Return how many calls per second the list and its connection allow; None for no limit."""
        return min(filter(None, (self.calls_per_second, limits.calls_per_second)), default=None)
