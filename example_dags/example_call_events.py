"""Start when a call has ended, whichever DAG placed it, and open a ticket for callees who ask for a person.

An event is only a wake-up: in a burst Airflow may hand several to one run, or the last one to none. So each run reads
the calls that have ended since the last run from the call store, and the schedule also starts a run every ten minutes.

Needs the connections ``voiceinfra_default`` and ``warehouse``, and in the warehouse a table ``tickets (call_id,
appointment)``. Set up the agent to extract ``wants_a_person``.
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
    # Two runs at once would get the same calls.
    max_active_runs=1,
    tags=["voiceinfra", "example"],
)
def example_call_events():
    @task
    def open_tickets() -> int:
        warehouse = DbApiHook.get_hook("warehouse")
        opened = 0
        # The cursor moves only when this block ends without an error. After a failure the calls come again, so check by
        # call_id what was already done.
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
