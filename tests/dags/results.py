"""A DAG of the tests: a list, and what became of it and of others in the connection ``warehouse``."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_voiceinfra.operators.call_list import OutboundCallListOperator
from airflow_provider_voiceinfra.transfers.calls_to_sql import CallsToSqlOperator

PEOPLE = [{"to_number": f"+1212555{1000 + number}", "appointment": number} for number in range(5)]

with DAG("list_and_results", schedule=None) as list_and_results:
    calls = OutboundCallListOperator(task_id="call", calls=PEOPLE, metadata_columns=["appointment"])
    write_back = CallsToSqlOperator(
        task_id="write_back",
        list_id=calls.output["list_id"],
        sql_conn_id="warehouse",
        table="results",
        metadata_columns=["appointment"],
    )
    write_changes = CallsToSqlOperator(
        task_id="write_changes",
        since="{{ prev_start_date_success or '2026-01-01' }}",
        sql_conn_id="warehouse",
        table="changes",
    )
    write_back >> write_changes
