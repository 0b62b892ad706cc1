"""Fails, and so alerts, when VoiceInfra's webhooks have stopped: calls wait for their end, and none comes.

A webhook may be disabled, its URL or secret changed, a firewall closed; each waiting task would find out at its own
timeout, hours later. Let the alert be one that you see: ``on_failure_callback``, as in ``example_on_call``.
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
    # Longer than your calls last, and shorter than you can wait.
    params={"minutes": Param(30, type="integer", minimum=1)},
    tags=["voiceinfra", "example"],
)
def example_webhooks_stopped():
    @task
    def look(params: dict[str, int]) -> None:
        store, now = VoiceInfraHook().store, datetime.now(UTC)
        patience = timedelta(minutes=params["minutes"])
        oldest = store.calls.oldest_open()
        if oldest is None or now - oldest < patience:
            return
        newest = store.completions.newest_arrival()
        if newest is not None and now - newest < patience:
            # They come: that one call is lost for another reason, which its own task will tell.
            return
        raise RuntimeError(
            f"A call has waited for its end since {oldest:%H:%M} UTC, and no webhook has come for {patience}: check "
            "Settings → Webhooks at VoiceInfra, and the receiver (GET /voiceinfra/health)."
        )

    look()


example_webhooks_stopped()
