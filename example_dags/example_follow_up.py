"""Every morning, redial yesterday's unanswered calls, and hand the rest over to the front desk.

1. writes yesterday's results back again, because some calls end after their DAG
2. redials reminders of ``example_call_list`` that ended with voicemail or failed
3. writes those results back too
4. puts everybody who has not answered on the front desk's list

Needs what ``example_call_list`` needs, and in the warehouse a table ``front_desk (appointment)``.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.sdk import dag

from airflow_provider_voiceinfra.operators.call_list import OutboundCallListOperator
from airflow_provider_voiceinfra.transfers.calls_to_sql import CallsToSqlOperator

RESULTS = {"sql_conn_id": "warehouse", "table": "voice_calls", "metadata_columns": ["appointment"]}


@dag(
    schedule="0 10 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="America/New_York"),
    catchup=False,
    # It calls people: you decide when to start it.
    is_paused_upon_creation=True,
    # Two runs at once would wait for each other's calls.
    max_active_runs=1,
    # Workers die, and Airflow sometimes fails a task that resumes after a wait. A retry calls nobody again.
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    tags=["voiceinfra", "example"],
)
def example_follow_up():
    refresh = CallsToSqlOperator(
        task_id="refresh",
        # More than a day: writing a row again changes nothing.
        since="{{ (dag_run.run_after - macros.timedelta(days=2)) | ts }}",
        **RESULTS,
    )

    calls = OutboundCallListOperator(
        task_id="call_again",
        sql_conn_id="warehouse",
        # Every run has `run_after`, even if you trigger it by hand. Metadata columns are strings. Reads
        # only that DAG's calls, so that a follow-up gets no follow-up.
        sql="""
            SELECT a.id AS appointment, a.phone, a.name, a.starts
            FROM appointments a
            JOIN voice_calls_latest r ON r.appointment = CAST(a.id AS VARCHAR(20))
            WHERE a.day = '{{ (dag_run.run_after + macros.timedelta(days=1)) | ds }}'
            AND r.dag_id = 'example_call_list' AND r.outcome IN ('voicemail', 'failed')
        """,
        column_map={"to_number": "phone"},
        default_region="US",
        variable_columns=["name", "starts"],
        metadata_columns=["appointment"],
        # Differs from the key of yesterday's reminder, so that it is a separate call; stays the same all day, so that
        # a rerun does not call again.
        key_prefix="follow-up-{{ dag_run.run_after | ds }}",
        key_column="appointment",
        max_in_flight=20,
    )

    write_back = CallsToSqlOperator(
        task_id="write_back",
        list_id=calls.output["list_id"],
        # Also run when the list has failed: the front desk needs to know who is left. The failed task still alerts.
        trigger_rule="all_done",
        **RESULTS,
    )

    hand_over = SQLExecuteQueryOperator(
        task_id="hand_over",
        conn_id="warehouse",
        # Selects by result, not by attempt: it includes people who were never called, and nobody twice. The table has
        # calls of other DAGs too, whose appointment ids may mean something else.
        sql="""
            INSERT INTO front_desk (appointment)
            SELECT a.id FROM appointments a
            WHERE a.day = '{{ (dag_run.run_after + macros.timedelta(days=1)) | ds }}'
            AND NOT EXISTS (
                SELECT 1 FROM voice_calls r
                WHERE r.appointment = CAST(a.id AS VARCHAR(20)) AND r.outcome = 'answered'
                AND r.dag_id IN ('example_call_list', 'example_follow_up')
            )
            AND NOT EXISTS (SELECT 1 FROM front_desk f WHERE f.appointment = a.id)
        """,
    )

    refresh >> calls >> write_back >> hand_over


example_follow_up()
