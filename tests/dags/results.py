"""DAGs of the tests: a list, and what became of it and of others in the connection ``warehouse``."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider_voiceinfra.operators.call_list import OutboundCallListOperator
from airflow_provider_voiceinfra.transfers.calls_to_sql import CallsToSqlOperator

PEOPLE = [{"to_number": f"+1212555{1000 + number}", "appointment": number} for number in range(5)]

INVALID = [
    {"to_number": "my number is 5", "appointment": "a", "id": "one"},
    {"to_number": "+12125551001", "appointment": "b", "id": 2.5},
    {"to_number": "+12125551002", "appointment": "c", "id": "three"},
    {"to_number": "+12125551003", "appointment": "d", "id": "three"},
]

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

with DAG("list_with_invalid_rows", schedule=None) as list_with_invalid_rows:
    calls = OutboundCallListOperator(
        task_id="call", calls=INVALID, key_column="id", metadata_columns=["appointment"], max_invalid_fraction=1
    )
    CallsToSqlOperator(
        task_id="write_back",
        list_id=calls.output["list_id"],
        sql_conn_id="warehouse",
        table="results",
        metadata_columns=["appointment"],
    )
