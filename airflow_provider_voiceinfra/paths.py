"""The paths of Airflow's pages and of the Calls page."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from airflow.sdk import conf


def airflow_path() -> str:
    """Return the path under which Airflow is served: empty, or for example ``/airflow``."""
    return urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")


def calls_path() -> str:
    """Return the path of the Calls page, without a trailing slash."""
    return f"{airflow_path()}/voiceinfra/calls"


def dag_path(dag_id: str) -> str:
    """Return the path of a DAG in Airflow's UI."""
    return f"{airflow_path()}/dags/{quote(dag_id, safe='')}"


def run_path(dag_id: str, run_id: str) -> str:
    """Return the path of a run in Airflow's UI."""
    return f"{dag_path(dag_id)}/runs/{quote(run_id, safe='')}"


def task_path(dag_id: str, run_id: str, task_id: str, map_index: int) -> str:
    """Return the path of a task instance in Airflow's UI."""
    path = f"{run_path(dag_id, run_id)}/tasks/{quote(task_id, safe='')}"
    return path if map_index < 0 else f"{path}/mapped/{map_index}"
