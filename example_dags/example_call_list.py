"""Call everybody who has an appointment in two days, and write the results back.

Needs the connections ``voiceinfra_default`` and ``warehouse``: any database of Airflow's common-sql that has a table
``appointments (id, phone, name, day, starts)``. The results are in ``voice_calls``, the newest attempt at each call in
the view ``voice_calls_latest``; ``example_follow_up`` continues from there.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import dag

from airflow_provider_voiceinfra.operators.call_list import OutboundCallListOperator
from airflow_provider_voiceinfra.transfers.calls_to_sql import CallsToSqlOperator


@dag(
    schedule="0 15 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="America/New_York"),
    catchup=False,
    # It calls people: you decide when to start it.
    is_paused_upon_creation=True,
    # Workers die, and Airflow sometimes fails a task that resumes after a wait. A retry calls nobody again.
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    tags=["voiceinfra", "example"],
)
def example_call_list():
    calls = OutboundCallListOperator(
        task_id="call",
        sql_conn_id="warehouse",
        # Every run has `run_after`, even if you trigger it by hand.
        sql="""
            SELECT id AS appointment, phone, name, starts FROM appointments
            WHERE day = '{{ (dag_run.run_after + macros.timedelta(days=2)) | ds }}'
        """,
        column_map={"to_number": "phone"},
        # Numbers without a country code belong to this country.
        default_region="US",
        # Only these are sent to the agent, as variables of its prompt.
        variable_columns=["name", "starts"],
        # Not sent; identifies the appointment in the results.
        metadata_columns=["appointment"],
        # One reminder per appointment: no rerun and no other run calls again.
        key_prefix="reminder",
        key_column="appointment",
        max_in_flight=20,
    )

    CallsToSqlOperator(
        task_id="write_back",
        list_id=calls.output["list_id"],
        sql_conn_id="warehouse",
        table="voice_calls",
        metadata_columns=["appointment"],
    )


example_call_list()
