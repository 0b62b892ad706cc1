"""DAGs of the tests: tasks that fail, and who is told."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, task


def make_dag(mapped: int = 1, on_dag: Any = None, **options: Any) -> DAG:
    """Make a DAG of which every task fails."""
    with DAG("failing", schedule=None, on_failure_callback=on_dag) as dag:

        @task(**options)
        def fail(number: int) -> None:
            raise ValueError(f"{number} failed")

        fail.expand(number=list(range(mapped)))
    return dag


failing = make_dag()
