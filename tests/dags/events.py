"""DAGs of the system tests: follow what has ended, overlap, and are killed while they do."""

from __future__ import annotations

import os
import signal
import time
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, AssetWatcher, CronTriggerTimetable, get_current_context, task

from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook
from airflow_provider_voiceinfra.triggers.call_completed_event import CallCompletedEventTrigger

AGENT = "agent_of_the_burst"
CALLS_PER_KILL = 100
OVERLAP = 60.0
HOME = Path(os.environ.get("AIRFLOW_HOME", "/tmp"))

BURST = Asset(
    "voiceinfra://calls/completed/burst",
    watchers=[AssetWatcher(name="burst", trigger=CallCompletedEventTrigger(agent_id=AGENT))],
)


def note(journal: str, line: str) -> None:
    with (HOME / journal).open("a") as file:
        file.write(f"{line}\n")


def lines(journal: str) -> list[str]:
    file = HOME / journal
    return file.read_text().splitlines() if file.exists() else []


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
        begun = len(lines("burst_begun"))
        note("burst_begun", "")
        with VoiceInfraHook().completed_calls(cursor="burst", agent_id=AGENT) as calls:
            for call in calls:
                note("burst", call.call_id)
                # Once in each hundred calls, the first try of the run that has got so far.
                due = len(lines("burst")) // CALLS_PER_KILL
                if due > len(lines("burst_killed")) and get_current_context()["ti"].try_number == 1:
                    note("burst_killed", "")
                    os.kill(os.getpid(), signal.SIGKILL)
            # Goes on reading until another one has begun to, so that they overlap.
            until = time.monotonic() + OVERLAP
            while len(lines("burst_begun")) < begun + 2 and time.monotonic() < until:
                time.sleep(0.2)

    follow()
