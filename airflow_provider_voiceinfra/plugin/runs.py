"""How the call store names a DAG run."""

from __future__ import annotations

from datetime import UTC

from airflow_provider_voiceinfra.compat import read_logical_date


def names_of_run(dag_id: str, run_id: str) -> tuple[str, ...]:
    """Give a run's names in the store: its id, and its logical date if it has one."""
    date = read_logical_date(dag_id, run_id)
    return (run_id,) if date is None else (run_id, date.astimezone(UTC).isoformat())
