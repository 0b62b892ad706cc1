"""Runs the tests' DAGs by ``dag.test()``, as users do in their own tests."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk import BaseOperator

from airflow_provider_voiceinfra.operators import placing
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from tests.dags import one_call, templates


@dataclass(frozen=True)
class Run:
    """A DAG run that has ended."""

    state: str
    run_id: str
    dag_id: str

    def xcom(self, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            query = select(XComModel).filter_by(
                dag_id=self.dag_id, run_id=self.run_id, task_id=task_id, key=key, map_index=map_index
            )
            row = session.scalar(query)
            return None if row is None else XComModel.deserialize_value(row)

    def summary(self) -> dict[str, Any]:
        """What the task of a call list returns, without zeros."""
        return {name: value for name, value in self.xcom("call").items() if value != 0}

    def rendered(self, task_id: str, map_index: int = -1) -> dict[str, Any]:
        from airflow.models.renderedtifields import RenderedTaskInstanceFields
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            query = select(RenderedTaskInstanceFields).filter_by(
                dag_id=self.dag_id, run_id=self.run_id, task_id=task_id, map_index=map_index
            )
            return session.scalars(query).one().rendered_fields


@pytest.fixture
def run_dag(airflow_database, voiceinfra) -> Callable[..., Run]:
    """Call in one of the ways of tests/dags/one_call.py."""

    def run(way: Callable[..., None], **fields: Any) -> Run:
        dag = one_call.make_dag(way, **fields)
        run = dag.test()
        return Run(str(run.state), run.run_id, dag.dag_id)

    return run


@pytest.fixture
def run_templates(airflow_database, voiceinfra) -> Callable[..., Run]:
    """Call in one of the ways of tests/dags/templates.py, on a day that is known."""

    def run(way, **options):
        dag = templates.make_dag(way, **options)
        result = dag.test(logical_date=datetime(2026, 11, 25, tzinfo=UTC))
        return Run(str(result.state), result.run_id, dag.dag_id)

    return run


@pytest.fixture
def limits(monkeypatch, voiceinfra):
    """Set fields of the connection's form."""

    def set_them(**extra):
        connection = json.loads(os.environ["AIRFLOW_CONN_VOICEINFRA_DEFAULT"])
        connection["extra"] |= extra
        monkeypatch.setenv("AIRFLOW_CONN_VOICEINFRA_DEFAULT", json.dumps(connection))

    return set_them


@pytest.fixture
def meanwhile(voiceinfra):
    """Do something when something is so, while the DAG waits."""

    def do(when, what, looks=1000):
        def look():
            if when():
                what()
            else:
                assert looks
                do(when, what, looks - 1)

        voiceinfra.after(timedelta(seconds=0.1), look)

    return do


@pytest.fixture
def deferrals(voiceinfra, monkeypatch):
    """When each deferral began, when the task may resume, and Airflow's timeout; its wait ends at that moment."""
    monkeypatch.setattr(voiceinfra.sandbox._calls, "_delay", None)
    monkeypatch.setattr(placing, "_SETTLE_SECONDS", 0.1)
    noted, defer = [], BaseOperator.defer

    def noting(self, *, trigger, timeout, **options):
        noted.append((voiceinfra.now, datetime.fromisoformat(trigger.resume_after), timeout))
        for dial in voiceinfra.dials:
            voiceinfra.complete(dial.call_id)
        with suppress(StoreError):
            voiceinfra.store.pauses.resume(Scope.ALL, "", actor="ada")
        defer(self, trigger=trigger, timeout=timeout, **options)

    monkeypatch.setattr(BaseOperator, "defer", noting)
    return noted
