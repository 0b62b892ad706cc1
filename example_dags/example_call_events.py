"""Begins when a call has ended, whichever DAG placed it, and opens a ticket for who wants to be called by a person.

An event is only a wake-up: in a burst Airflow may hand several to one run, or the last one to none. So each run reads
from the call store what has ended since the last one, and the schedule starts one every ten minutes in any case.

Needs the connections ``voiceinfra_default`` and ``warehouse``, and in the warehouse a table ``tickets (call_id,
appointment)``. The agent is told to extract ``wants_a_person``.
"""

from __future__ import annotations

import pendulum
from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.sdk import Asset, AssetOrTimeSchedule, AssetWatcher, CronTriggerTimetable, dag, task

from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook
from airflow_provider_voiceinfra.triggers.call_completed_event import CallCompletedEventTrigger

ENDED_CALLS = Asset(
    "voiceinfra://calls/completed/answered",
    watchers=[AssetWatcher(name="answered_calls", trigger=CallCompletedEventTrigger(outcomes=["answered"]))],
)


@dag(
    schedule=AssetOrTimeSchedule(timetable=CronTriggerTimetable("*/10 * * * *", timezone="UTC"), assets=[ENDED_CALLS]),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    is_paused_upon_creation=True,
    # Two at once would both be given the same calls.
    max_active_runs=1,
    tags=["voiceinfra", "example"],
)
def example_call_events():
    @task
    def open_tickets() -> int:
        warehouse = DbApiHook.get_hook("warehouse")
        opened = 0
        # The cursor moves when this block ends without error: what fails half-way is done again, so nothing is done
        # twice for the same call_id.
        with VoiceInfraHook().completed_calls(cursor="example_call_events", outcomes=["answered"]) as calls:
            for call in calls:
                if not call.completion.extracted.get("wants_a_person"):
                    continue
                known = warehouse.get_first("SELECT 1 FROM tickets WHERE call_id = ?", parameters=[call.call_id])
                if not known:
                    ticket = (call.call_id, call.metadata.get("appointment"))
                    warehouse.insert_rows("tickets", [ticket], target_fields=["call_id", "appointment"])
                    opened += 1
        return opened

    open_tickets()


example_call_events()
