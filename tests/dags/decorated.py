"""DAGs of the tests: functions that say whom to call."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task

NUMBER = "+12125550100"


def make_dag(fields: Any, *, people: list[str] | None = None, **options: Any) -> DAG:
    """Make a DAG whose function returns these fields; of all people that are given, by a mapped task."""
    with DAG("decorated", schedule=None) as dag:

        @task.outbound_call(**options)
        def call(number: str, suffix: str = "", ti: Any = None) -> dict[str, Any]:
            return fields(number, ti.task_id) if callable(fields) else fields

        if people is None:
            call(NUMBER, suffix="{{ ds }}")
        else:
            call.expand(number=people)
    return dag


decorated = make_dag({"to_number": NUMBER})
