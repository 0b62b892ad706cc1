"""DAGs of the tests: a call to a number given by the run, with retries, in each way of waiting."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG

from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator

WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "deferring": {"wait_for_completion": True, "deferrable": True},
    "blocking": {"wait_for_completion": True, "deferrable": False},
}


def make_dag(way: str, **options: Any) -> DAG:
    """Make a DAG that waits in one of these ways."""
    with DAG(f"fault_{way}", schedule=None, params={"to_number": "+14155550100"}, max_active_runs=100) as dag:
        OutboundCallOperator(
            task_id="call",
            to_number="{{ params.to_number }}",
            context="my secret context",
            variables={"secret": "my secret variable"},
            retries=2,
            retry_delay=timedelta(seconds=1),
            **{"completion_timeout": timedelta(seconds=20)} | WAYS[way] | options,
        )
    return dag


for each in WAYS:
    globals()[f"fault_{each}"] = make_dag(each)

with DAG("redialling", schedule=None, params={"to_number": "+14155550100"}) as redialling:
    OutboundCallOperator(
        task_id="call",
        to_number="{{ params.to_number }}",
        redial_on_clear=True,
        wait_for_completion=True,
        deferrable=True,
    )
