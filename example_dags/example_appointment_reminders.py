"""Call everybody who has an appointment, and act on the answers.

1. reads the appointments from a warehouse, here a small SQLite file named by the parameter ``warehouse``
2. calls each person at most once: the key contains the appointment, so a rerun does not call again
3. waits, without a worker, until all calls have ended
4. branches on the outcomes: the front desk calls people who did not answer
5. writes the results back

``make demo`` runs it against the sandbox.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

from airflow.sdk import Param, dag, task

from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook
from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator
from airflow_provider_voiceinfra.sensors.call_completion import CallCompletionSensor


@dag(
    schedule=None,
    params={"warehouse": Param("/tmp/warehouse.db", type="string")},  # noqa: S108 - use your own
    # Workers die, and Airflow sometimes fails a task that resumes after a wait. A retry calls nobody again.
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    tags=["voiceinfra", "example"],
)
def example_appointment_reminders():
    @task
    def people_to_call(params: dict[str, Any]) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(params["warehouse"])) as warehouse:
            rows = warehouse.execute(
                "SELECT id, name, phone, starts FROM appointments WHERE outcome IS NULL ORDER BY id"
            ).fetchall()
        return [
            {
                "to_number": phone,
                "first_message": f"Hello {name}, this is the clinic. Can you still come at {starts}?",
                "variables": {"name": name, "appointment": starts},
                "metadata": {"appointment": appointment},
                "idempotency_key": f"reminder-{appointment}-{starts}",
            }
            for appointment, name, phone, starts in rows
        ]

    calls = OutboundCallOperator.partial(
        task_id="call",
        # Numbers without a country code belong to this country.
        default_region="US",
        map_index_template="{{ task.idempotency_key }}",
    ).expand_kwargs(people_to_call())

    ended = CallCompletionSensor(task_id="wait_for_the_calls_to_end", call_id=calls.output, deferrable=True)

    @task.branch
    def was_everybody_reached(results: list[dict[str, Any]]) -> str:
        reached = all(result["call_outcome"] == "answered" for result in results)
        return "everybody_was_reached" if reached else "ask_the_front_desk"

    @task
    def everybody_was_reached() -> None:
        print("Everybody has answered.")  # noqa: T201

    @task
    def ask_the_front_desk(results: list[dict[str, Any]]) -> None:
        left = [result["call_id"] for result in results if result["call_outcome"] != "answered"]
        print(f"The front desk has {len(left)} people left to call.")  # noqa: T201

    @task(trigger_rule="none_failed_min_one_success")
    def write_back(results: list[dict[str, Any]], params: dict[str, Any]) -> None:
        hook = VoiceInfraHook()
        with closing(sqlite3.connect(params["warehouse"])) as warehouse, warehouse:
            for result in results:
                # Read from the call store, not from an XCom: conversations do not belong in Airflow's database.
                call = hook.get_call(result["call_id"])
                completion = call.completion
                warehouse.execute(
                    "UPDATE appointments SET outcome = ?, seconds = ?, confirmed = ?, summary = ? WHERE id = ?",
                    (
                        completion.outcome,
                        completion.duration_seconds,
                        completion.extracted.get("confirmed"),
                        completion.summary,
                        call.metadata["appointment"],
                    ),
                )

    branch = was_everybody_reached(ended.output)
    branch >> [everybody_was_reached(), ask_the_front_desk(ended.output)] >> write_back(ended.output)


example_appointment_reminders()
