"""Deadlines of waiting tasks, which retries and restarts share."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.models import Source


class Deadlines:
    """Keeps one deadline for each waiting task and clear.

    :param store: the call store, in which each environment has its own deadlines.
    """

    def __init__(self, store: CallStore) -> None:
        self._store = store

    def of_task(self, source: Source, timeout: timedelta, *, attempt: int = 1) -> datetime:
        """Return the time until which a task waits, counted from its first try, so that retries share it.

        A clear is a new generation, and starts a new deadline.

        :param attempt: a redial has a deadline of its own.
        """
        key = {
            "environment": self._store.environment,
            "dag_id": source.dag_id or "",
            "run_id": source.run_id or "",
            "task_id": source.task_id or "",
            "map_index": source.map_index,
            "generation": source.generation,
            "attempt": attempt,
        }
        query = sa.select(schema.wait.c.deadline).filter_by(**key)
        with self._store.database.write() as tx:
            row = {**key, "deadline": time_of(tx) + timeout}
            tx.execute(schema.insert(tx, schema.wait).values(row).on_conflict_do_nothing())
            deadline: datetime = tx.execute(query).scalar_one()
        return deadline
