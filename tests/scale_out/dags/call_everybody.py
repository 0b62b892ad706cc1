"""Everybody on the list is called, whatever is killed meanwhile."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import dag

from airflow_provider_voiceinfra.lists.circuit_breaker import CircuitBreaker
from airflow_provider_voiceinfra.operators.call_list import OutboundCallListOperator


@dag(schedule=None)
def call_everybody():
    OutboundCallListOperator(
        task_id="call",
        sql="SELECT id, phone, name FROM people ORDER BY id",
        sql_conn_id="warehouse",
        column_map={"to_number": "phone"},
        variable_columns=["name"],
        key_column="id",
        max_in_flight=int(os.environ["SCALE_OUT_LINES"]),
        # Whoever is unknown is looked up by a person, as in life; nothing else is to stop the list.
        circuit_breaker=CircuitBreaker(consecutive_failed=0, unknown=0, overdue=0),
        completion_timeout=timedelta(minutes=20),
        retries=20,
        retry_delay=timedelta(seconds=1),
    )


call_everybody()
