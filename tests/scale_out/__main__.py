"""A call list on many parts, while one of each is killed: who was dialled how often, and what was completed.

``make scale-out`` starts PostgreSQL, Redis, two Celery workers, two triggerers, two receivers behind nginx and the
rest of an Airflow on this machine, has it call a list, and prints what came out. It ends with 1 if a row was not
dialled exactly once, or a completion is missing.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import requests

from airflow_provider_voiceinfra.sandbox import Sandbox
from airflow_provider_voiceinfra.store.call_store import CallStore
from tests.postgres import NoPostgresError
from tests.scale_out.accidents import Accident, Accidents
from tests.scale_out.cluster import SECRET, Cluster
from tests.scale_out.person import Person
from tests.scale_out.report import (
    Result,
    count_bytes,
    count_completed,
    count_dials,
    count_recovered,
    count_tries,
    show,
    show_pauses,
)
from tests.scale_out.services import MissingProgramError, postgres

DAG, TASK = "call_everybody", "call"
CALL_SECONDS = (14.0, 16.0)
ANSWER_SECONDS = 0.2
_TIMEOUT = 1_500.0


class Run:
    """The list, from its start to its end."""

    def __init__(self, cluster: Cluster, sandbox: Sandbox, store: CallStore, rows: int) -> None:
        self._cluster, self._sandbox, self._store, self._rows = cluster, sandbox, store, rows
        self._person = Person(store, sandbox)
        self._end = time.monotonic() + _TIMEOUT
        self._run_id = ""

    def call(self) -> tuple[Result, list[Accident]]:
        """Have everybody called, and kill one of each meanwhile."""
        self._run_id, begun = self._cluster.airflow.trigger_dag(DAG), time.monotonic()
        accidents = Accidents(self._cluster, self._sandbox, self._task, self._until).happen(self._rows)
        self._until(lambda: self._task()["state"] in {"success", "failed"})
        return self._result(time.monotonic() - begun), accidents

    def _result(self, seconds: float) -> Result:
        task = self._task()
        return Result(
            rows=self._rows,
            state=task["state"],
            task_tries=task["try_number"],
            again=self._cluster.handed_out_again(),
            seconds=seconds,
            dials=count_dials(self._sandbox, self._rows),
            placed=len(self._sandbox.dials),
            completed=count_completed(self._store, self._sandbox),
            tries=count_tries(self._sandbox),
            recovered=count_recovered(self._store),
            not_placed=len(self._person.not_placed),
            restarts=self._cluster.restarts,
            bytes=count_bytes(self._store),
        )

    def _task(self) -> dict[str, Any]:
        """Return the task as Airflow knows it; without a state while Airflow does not say."""
        try:
            [task] = self._cluster.airflow.task_instances(DAG, self._run_id)
        except requests.RequestException:
            return {"state": None, "hostname": "", "triggerer_job": None}
        return task

    def _until(self, is_so: Callable[[], bool]) -> None:
        """Wait, and do meanwhile what an orchestrator and a person would."""
        while not is_so():
            if time.monotonic() > self._end:
                raise TimeoutError(f"{len(self._sandbox.dials)} dials, {self._task()}")
            self._cluster.tend()
            self._person.look()
            time.sleep(0.05)


def main() -> int:
    """Call everybody; ends with 1 if somebody was not called once, or a completion is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.scale_out", description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000, help="of the list (default: %(default)s)")
    rows = parser.parse_args().rows
    home = Path(tempfile.mkdtemp(prefix="vi-scale-"))
    print(f"Logs are in {home}", flush=True)
    with postgres() as database, Sandbox(secret=SECRET, delay=CALL_SECONDS, answer_delay=ANSWER_SECONDS) as sandbox:
        cluster = Cluster(home, database, sandbox, rows)
        try:
            cluster.start()
            sandbox.webhook_url = cluster.webhook_url
            with closing(CallStore(database.url("store"))) as store:
                result, accidents = Run(cluster, sandbox, store, rows).call()
        finally:
            cluster.stop()
        show_pauses(sandbox, accidents)
        show(result)
    if result.pauses:
        shutil.rmtree(home)
    return 0 if result.pauses else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        sys.exit(main())
    except (MissingProgramError, NoPostgresError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
