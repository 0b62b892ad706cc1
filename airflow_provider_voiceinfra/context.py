"""What a task's context says about who asks for a call."""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import Context

from airflow_provider_voiceinfra.store.records import Source


def task_source(context: Context) -> Source:
    """Name the task instance that runs, and its generation: how often it was cleared."""
    ti = context["ti"]
    return Source(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=-1 if ti.map_index is None else ti.map_index,
        generation=ti.max_tries,
    )


def logical_date(context: Context) -> datetime | None:
    """Give the run's logical date, where it has one."""
    date = context.get("logical_date")
    # Airflow gives a pendulum date; ours is plain, so that its text does not depend on a library.
    return None if date is None else datetime.fromtimestamp(date.timestamp(), tz=date.tzinfo)
