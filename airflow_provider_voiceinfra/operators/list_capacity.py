"""How fast a list may dial, from its own limits, its connection's, and what is used of them."""

from __future__ import annotations

from datetime import UTC, timedelta

from airflow_provider_voiceinfra.calls.account import Account
from airflow_provider_voiceinfra.guard.time_zones import zone_of
from airflow_provider_voiceinfra.lists.forecast import Capacity
from airflow_provider_voiceinfra.operators.list_options import ListOptions
from airflow_provider_voiceinfra.store.call_store import CallStore


def capacity_of(store: CallStore, account: Account, options: ListOptions, talked: timedelta) -> Capacity:
    """Return how fast a list may dial from now on.

    :param talked: how long its calls have talked already.
    """
    limits = account.limits
    hours = limits.calling_hours
    zone = zone_of(hours.timezone) if hours and hours.timezone else UTC
    seconds = store.usage.median_seconds(account.realm, options.agent_id or account.agent_id or "")
    today = store.database.clock.now().astimezone(zone).date()
    used = store.usage.of_day(account.realm, account.conn_id, today)
    minutes, call_seconds = limits.max_minutes_per_day, max(seconds, 1)
    # Limits of calls, and of minutes as calls of the median length.
    per_day = [
        (limits.max_calls_per_day, used.calls),
        (None if minutes is None else minutes * 60 / call_seconds, used.talked_seconds / call_seconds),
    ]
    given = [(limit, used) for limit, used in per_day if limit is not None]
    in_all = options.max_minutes
    return Capacity(
        lines=min(filter(None, (options.max_in_flight, limits.max_in_flight))),
        call_seconds=seconds,
        calls_per_second=options.pace(limits),
        calls_per_day=min((limit for limit, _ in given), default=None),
        left_today=min((max(0.0, limit - used) for limit, used in given), default=None),
        left_in_all=None if in_all is None else max(0.0, in_all * 60 - talked.total_seconds()) / call_seconds,
        days_of=zone,
    )
