"""Runs of DAGs, as Airflow and as the call store name them."""

from __future__ import annotations

from datetime import UTC

import sqlalchemy as sa
from airflow.models.dagrun import DagRun
from airflow.utils.session import create_session


def names_of_run(dag_id: str, run_id: str) -> tuple[str, ...]:
    """Give a run's names in the store: its id, and its logical date where it has one."""
    with create_session() as session:
        date = session.scalar(sa.select(DagRun.logical_date).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
    return (run_id,) if date is None else (run_id, date.astimezone(UTC).isoformat())
