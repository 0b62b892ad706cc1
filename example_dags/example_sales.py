"""Call leads, the best first, with two opening lines to compare, and only after a pilot that somebody has looked at.

Needs the connections ``voiceinfra_default``, with ``calling_hours``, and ``warehouse``: any database of Airflow's
common-sql that has the tables ``leads (id, phone, name, score, status)`` and ``customers (lead)``.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import dag

from airflow_provider_voiceinfra.operators.call_list import OutboundCallListOperator
from airflow_provider_voiceinfra.policies import CircuitBreaker, Redial, Variant
from airflow_provider_voiceinfra.transfers.calls_to_sql import CallsToSqlOperator


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="America/New_York"),
    # Workers die, and Airflow sometimes fails a task that resumes after a wait. A retry calls nobody again.
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
    tags=["voiceinfra", "example"],
)
def example_sales():
    calls = OutboundCallListOperator(
        task_id="call",
        sql_conn_id="warehouse",
        sql="SELECT id AS lead, phone, name, score FROM leads WHERE status = 'new'",
        column_map={"to_number": "phone"},
        default_region="US",
        # What was said decides which line is better: the summary has the answered rate of each.
        variants={
            "short": Variant(first_message="Hello {name}, have you a minute?"),
            "long": Variant(first_message="Hello {name}, this is Example Solar. You asked for an offer."),
        },
        metadata_columns=["lead"],
        key_prefix="sales",
        key_column="lead",
        order_by_priority="score",
        # After 25 calls the list waits until somebody has listened to some, and resumes it on the Calls page.
        pilot=25,
        # Somebody who became a customer meanwhile is not called any more.
        suppress_sql="SELECT lead FROM customers",
        max_calls_per_number="1/24h, 3/30d",
        max_in_flight=20,
        # What the calls may cost.
        max_minutes=3_000,
        redial=Redial(attempts=3, wait=timedelta(hours=20), at=["09:30", "13:00", "18:00"]),
        # An agent that is broken, or a number that carriers block, stops the list by itself.
        circuit_breaker=CircuitBreaker(min_answer_rate=0.05, max_failed_rate=0.6),
    )

    CallsToSqlOperator(
        task_id="write_back",
        list_id=calls.output["list_id"],
        sql_conn_id="warehouse",
        table="sales_calls",
        metadata_columns=["lead"],
    )


example_sales()
