"""Airflow fails no wait that ends seconds after its deferral, on a machine that the waits themselves keep busy."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter

from tests.benchmarks.deferral.scheduler_log import seconds_until_noted
from tests.dags.many_waits import CALLS, NUMBERS, SETTLE_TIME


def end_soon(sandbox, deadline):
    """End each call one to five seconds after its task was deferred, which takes up to a second."""
    ended = 0
    while ended < CALLS * len(NUMBERS):
        assert time.monotonic() < deadline
        dials = [dial for dial in sandbox.dials if dial.to_number in NUMBERS.values()]
        for dial in dials[ended:]:
            threading.Timer(random.uniform(1, 6), sandbox.complete, [dial.call_id]).start()
        ended = len(dials)
        time.sleep(0.1)


def test_waits_that_end_right_after_their_deferral_are_not_failed_by_airflow(airflow, sandbox):
    runs = {dag_id: airflow.trigger_dag(dag_id) for dag_id in NUMBERS}
    end_soon(sandbox, time.monotonic() + 900)
    states = {}
    for dag_id, run_id in runs.items():
        airflow.wait_for_run(dag_id, run_id, timeout=600)
        states[dag_id] = Counter(task["state"] for task in airflow.task_instances(dag_id, run_id))
    assert states["many_waits"] == {"success": CALLS}
    # Where a worker resumes, Airflow may fail a task whose deferral the scheduler notes later than it has settled.
    late = [seconds for seconds in seconds_until_noted(airflow.log_file) if seconds > SETTLE_TIME / 2]
    assert states["many_waits_with_a_worker"]["failed"] <= len(late)
