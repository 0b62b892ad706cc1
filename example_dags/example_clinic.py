"""Remind patients of appointments, and redial them by how each call ended.

Needs the connections ``voiceinfra_default``, with the clinic's ``calling_hours``, and ``warehouse``: any database of
Airflow's common-sql that has a table ``patients (id, mobile, home, name, day, starts)``. The agent extracts
``confirmed``, and ``call_back_at`` if the patient asks to be called at another time.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import dag

from airflow_provider_voiceinfra.operators.call_list import OutboundCallListOperator
from airflow_provider_voiceinfra.policies import Redial, RedialRule
from airflow_provider_voiceinfra.transfers.calls_to_sql import CallsToSqlOperator


@dag(
    schedule="0 14 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="America/New_York"),
    catchup=False,
    # It calls people: you decide when to start it.
    is_paused_upon_creation=True,
    # Workers die, and Airflow sometimes fails a task that resumes after a wait. A retry calls nobody again.
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    tags=["voiceinfra", "example"],
)
def example_clinic():
    calls = OutboundCallListOperator(
        task_id="call",
        sql_conn_id="warehouse",
        # Every run has `run_after`, even if you trigger it by hand.
        sql="""
            SELECT id AS appointment, mobile, home, name, starts FROM patients
            WHERE day = '{{ (dag_run.run_after + macros.timedelta(days=2)) | ds }}'
        """,
        # One key for the patient, whichever number is called.
        column_map={"to_number": ["mobile", "home"]},
        default_region="US",
        first_message="Hello {name}, this is the clinic. Can you still come {starts}?",
        metadata_columns=["appointment"],
        key_prefix="clinic",
        key_column="appointment",
        max_in_flight=5,
        max_calls_per_number="2/24h",
        redial=Redial(
            rules={
                "voicemail": RedialRule(attempts=2, wait=timedelta(hours=20)),
                "failed": RedialRule(attempts=3, wait=[timedelta(minutes=30), timedelta(hours=3)]),
            },
            attempts=4,
            # A patient who cannot come is not called again: the front desk calls them.
            goal="confirmed",
            # A patient who says "call me at five" is called at five.
            callback_field="call_back_at",
            next_number=True,
        ),
        # The day before the appointment, people call.
        give_up_after=timedelta(hours=24),
    )

    CallsToSqlOperator(
        task_id="write_back",
        list_id=calls.output["list_id"],
        sql_conn_id="warehouse",
        table="reminders",
        metadata_columns=["appointment"],
    )


example_clinic()
