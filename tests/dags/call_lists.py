"""DAGs of the tests: a list of people, in the ways that the operator reads it."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task

from airflow_provider_voiceinfra.operators.call_list import OutboundCallListOperator


def of_rows(task_id: str = "call", **fields: Any) -> None:
    OutboundCallListOperator(task_id=task_id, **fields)


def of_a_task(rows: Any, **fields: Any) -> None:
    @task
    def people() -> Any:
        return rows

    OutboundCallListOperator(task_id="call", calls=people(), **fields)


def make_dag(way: Any, dag_id: str = "", **fields: Any) -> DAG:
    """Make a DAG that calls a list."""
    with DAG(dag_id or f"list_{way.__name__}", schedule=None) as dag:
        way(**fields)
    return dag


PEOPLE = [{"to_number": f"+1312555{1000 + number}", "appointment": number} for number in range(40)]

of_rows_dag = make_dag(of_rows, calls=PEOPLE, metadata_columns=["appointment"], max_in_flight=8)
of_a_task_dag = make_dag(of_a_task, rows=[{"to_number": "+12125550100"}])

# Their names are the same where DAG and task are only put together.
clinic_eu_dag = make_dag(of_rows, "clinic.eu", task_id="call", calls=PEOPLE[:1], key_column="appointment")
clinic_dag = make_dag(of_rows, "clinic", task_id="eu.call", calls=PEOPLE[:1], key_column="appointment")
