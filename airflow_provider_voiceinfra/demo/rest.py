"""A client of Airflow's public REST API, for the demo and the system tests."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import requests

from airflow_provider_voiceinfra.demo.airflow_api import AirflowError, Api, wait_for

_RUN_ENDED = {"success", "failed"}
_TASK_ENDED = {"success", "failed", "skipped", "upstream_failed", "removed"}
_PAGE = 100
_PARSE_TIMEOUT = 60


class AirflowRest:
    """Runs DAGs and reads their results.

    :param url: URL of an API server that requires no token
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._api = Api(url)

    def trigger_dag(
        self, dag_id: str, *, conf: Mapping[str, Any] | None = None, logical_date: datetime | None = None
    ) -> str:
        """Start a run as soon as Airflow knows the DAG, and unpause the DAG.

        :return: the run id
        """
        dag = wait_for(
            lambda: self._api.find(f"api/v2/dags/{quote(dag_id)}"),
            _PARSE_TIMEOUT,
            lambda: f"Airflow has no DAG {dag_id!r}. {self._import_errors()}",
        )
        if dag["is_paused"]:
            self._api.call("PATCH", f"api/v2/dags/{quote(dag_id)}", json={"is_paused": False})
        date = logical_date.isoformat() if logical_date else None
        # With our own id, repeated requests create only one run.
        run_id = f"manual__{datetime.now(UTC).isoformat()}"
        body = {"dag_run_id": run_id, "logical_date": date, "conf": dict(conf or {})}
        try:
            self._api.call("POST", f"api/v2/dags/{quote(dag_id)}/dagRuns", json=body)
        except requests.RequestException:
            if self._api.find(_run(dag_id, run_id)) is None:
                raise
        return run_id

    def wait_for_run(self, dag_id: str, run_id: str, *, timeout: float) -> str:
        """Wait until a run has ended.

        :param timeout: seconds
        :return: ``success`` or ``failed``
        """

        def ended() -> str | None:
            state = str(self._api.call("GET", _run(dag_id, run_id))["state"])
            return state if state in _RUN_ENDED else None

        return wait_for(ended, timeout, lambda: f"Run {run_id!r} has not ended: {self._states(dag_id, run_id)}.")

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return a run's task instances: ``task_id``, ``map_index``, ``state``, ``try_number`` and more."""
        found: list[dict[str, Any]] = []
        while True:
            page = {"limit": _PAGE, "offset": len(found)}
            tasks = self._api.call("GET", f"{_run(dag_id, run_id)}/taskInstances", params=page)["task_instances"]
            found += tasks
            if len(tasks) < _PAGE:
                return found

    def wait_for_task(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        *,
        states: Collection[str],
        map_index: int = -1,
        timeout: float,
    ) -> dict[str, Any]:
        """Wait until a task is in one of the states; give up when it has ended in another.

        :param states: such as ``{"deferred"}``
        :param timeout: seconds
        :return: the task instance
        """
        wanted = " or ".join(sorted(states))

        def reached() -> dict[str, Any] | None:
            task = self._api.find(_task(dag_id, run_id, task_id, map_index))
            if task is None or task["state"] in states:
                return task
            if task["state"] in _TASK_ENDED:
                tries = task["try_number"]
                log = self.task_log(dag_id, run_id, task_id, tries, map_index) if tries else "It never ran."
                raise AirflowError(f"Task {task_id!r} is {task['state']}, not {wanted}. Its log:\n{log}")
            return None

        return wait_for(reached, timeout, lambda: f"Task {task_id!r} is not {wanted}: {self._states(dag_id, run_id)}.")

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """Return the value that a task has pushed."""
        path = f"{_task(dag_id, run_id, task_id)}/xcomEntries/{quote(key, safe='')}"
        entry = self._api.find(path, params={"map_index": map_index, "stringify": False})
        if entry is None:
            raise AirflowError(f"Task {task_id!r} has no XCom {key!r}: {self._states(dag_id, run_id)}.")
        return entry["value"]

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1, map_index: int = -1) -> str:
        """Return the log of a try, one line per entry, with all fields."""
        path = f"{_task(dag_id, run_id, task_id)}/logs/{try_number}"
        params = {"map_index": map_index, "full_content": True}
        return "\n".join(_line(entry) for entry in self._api.call("GET", path, params=params)["content"])

    def clear(self, dag_id: str, run_id: str, task_ids: Iterable[str]) -> None:
        """Clear tasks of a run, without downstream tasks."""
        body = {"dry_run": False, "only_failed": False, "dag_run_id": run_id, "task_ids": list(task_ids)}
        self._api.call("POST", f"api/v2/dags/{quote(dag_id)}/clearTaskInstances", json=body)

    def health(self) -> dict[str, dict[str, Any]]:
        """Return the ``status`` and the latest heartbeat of each component of Airflow."""
        return self._api.call("GET", "api/v2/monitor/health")

    def _import_errors(self) -> str:
        errors = self._api.call("GET", "api/v2/importErrors")["import_errors"]
        if not errors:
            return "Check that its file is in the DAGs folder."
        return "\n".join(f"{error['filename']}:\n{error['stack_trace']}" for error in errors)

    def _states(self, dag_id: str, run_id: str) -> str:
        tasks = self.task_instances(dag_id, run_id)
        return ", ".join(f"{task['task_id']}[{task['map_index']}] {task['state']}" for task in tasks)


def _run(dag_id: str, run_id: str) -> str:
    return f"api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}"


def _task(dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> str:
    path = f"{_run(dag_id, run_id)}/taskInstances/{quote(task_id)}"
    return path if map_index < 0 else f"{path}/{map_index}"


def _line(entry: dict[str, Any] | str) -> str:
    if isinstance(entry, str):
        return entry
    rest = {name: value for name, value in entry.items() if name != "event"}
    return f"{entry['event']} {json.dumps(rest, ensure_ascii=False)}"
