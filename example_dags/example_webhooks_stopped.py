"""Fail, and so alert, when VoiceInfra's webhooks have stopped: calls are open, but no webhook arrives.

The webhook may be disabled, its URL or secret changed, or a firewall closed. Each waiting task would find out at its
own timeout, hours later. Use an alert that you notice, such as ``on_failure_callback`` in ``example_on_call``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pendulum
from airflow.sdk import Param, dag, task

from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook


@dag(
    schedule="*/15 * * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    is_paused_upon_creation=True,
    max_active_runs=1,
    # Longer than your calls take, and shorter than you can wait for an alert.
    params={"minutes": Param(30, type="integer", minimum=1)},
    tags=["voiceinfra", "example"],
)
def example_webhooks_stopped():
    @task
    def check(params: dict[str, int]) -> None:
        store, now = VoiceInfraHook().store, datetime.now(UTC)
        limit = timedelta(minutes=params["minutes"])
        oldest = store.calls.oldest_open()
        if oldest is None or now - oldest < limit:
            return
        newest = store.completions.newest_arrival()
        if newest is not None and now - newest < limit:
            # Webhooks arrive: that call has another problem, which its own task reports.
            return
        raise RuntimeError(
            f"A call has been open since {oldest:%H:%M} UTC, and no webhook has arrived for {limit}: check Settings → "
            "Webhooks in VoiceInfra, and the receiver (GET /voiceinfra/health)."
        )

    check()


example_webhooks_stopped()
