"""Every rule that the guard has, none of which denies a call of the benchmark."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_voiceinfra.guard.calling_hours import CallingHours
from airflow_provider_voiceinfra.guard.constraints import CallConstraints
from airflow_provider_voiceinfra.guard.limits import Limits, read_caps, read_limits
from tests.benchmarks.guard.history import CONN_ID

AGENT = "agent_0"
"""One with past calls."""
# Never open on one day, which is never today: so that windows, closed days and holidays are all looked up.
_LONG_AGO = "2001-01-01"
HOURS = f"mon-sun 00:00-12:00,12:00-24:00; closed {_LONG_AGO}; holidays US; America/New_York"
CAPS = "1/24h, 3/7d, 10/30d"
EXTRA: dict[str, str] = {
    "max_calls_per_day": "10000000",
    "max_minutes_per_day": "10000000",
    "max_in_flight": "5000",
    "calls_per_second": "1000",
    "max_calls_per_number": CAPS,
    "calling_hours": HOURS,
}
LIMITS = read_limits(EXTRA, conn_id=CONN_ID)
NO_LIMITS = Limits()


def callees(count: int) -> Iterator[str]:
    """Give numbers of people who are in none of the past calls, and for whom the sandbox has no surprise."""
    return (f"+1212{number}" for number in random.sample(range(2_000_000, 5_000_000), count))


def constraints() -> CallConstraints:
    """Return a call of a list all constraints that a DAG may give it."""
    return CallConstraints(
        **of_a_call(),
        calling_hours=CallingHours.of(HOURS),
        max_calls_per_number=read_caps(CAPS),
        calls_per_second=1_000,
        max_minutes=10_000_000,
    )


def of_a_call() -> dict[str, Any]:
    """Return when a call may be placed: now."""
    now = datetime.now(UTC)
    return {"timezone": "UTC", "not_before": now - timedelta(days=1), "not_after": now + timedelta(days=1)}
