"""DAGs of the system tests: follow what has ended, and are killed while they do."""

from __future__ import annotations

import os
import random
import signal
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, AssetWatcher, CronTriggerTimetable, task

from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook
from airflow_provider_voiceinfra.triggers.call_completed_event import CallCompletedEventTrigger

AGENT = "agent_of_the_burst"
JOURNAL = Path(os.environ.get("AIRFLOW_HOME", "/tmp")) / "burst"

BURST = Asset(
    "voiceinfra://calls/completed/burst",
    watchers=[AssetWatcher(name="burst", trigger=CallCompletedEventTrigger(agent_id=AGENT))],
)

with DAG(
    "follow_burst",
    schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable("* * * * *", timezone="UTC"), assets=[BURST]),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    is_paused_upon_creation=True,
    max_active_runs=3,
):

    @task(retries=1, retry_delay=timedelta(0))
    def follow() -> None:
        with VoiceInfraHook().completed_calls(cursor="burst", agent_id=AGENT) as calls:
            for call in calls:
                with JOURNAL.open("a") as journal:
                    journal.write(f"{call.call_id}\n")
                if random.random() < 0.02:
                    os.kill(os.getpid(), signal.SIGKILL)

    follow()
