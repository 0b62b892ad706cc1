"""From the webhook's 200 to the start of the next task, on a real standalone, beside Airflow's own floor.

``python -m tests.benchmarks.waiting.standalone`` prints a table. The floor is a trigger that fires as soon as a file is
there: what lies between it and the next task is Airflow's alone.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import requests

from airflow_provider_voiceinfra.demo.airflow_process import Standalone
from airflow_provider_voiceinfra.store.call_store import CallStore
from tests.benchmarks.receiver.process import CONNECTION
from tests.benchmarks.receiver.webhooks import body, sign
from tests.postgres import find_binaries, running

ROUNDS = 12


def measure(airflow: Standalone, kind: str, ending: str) -> float:
    """Seconds from the moment when the wait is over to the start of the next task."""
    dag_id, call_id = f"{kind}_{ending}", f"call_{time.time_ns()}"
    file = airflow.home / call_id
    run_id = airflow.trigger_dag(dag_id, conf={"what": call_id if kind == "ours" else str(file)})
    airflow.wait_for_task(dag_id, run_id, "wait", states={"deferred"}, timeout=60)
    # The triggerer does much once a second: at any moment of it.
    time.sleep(2 + random.random())
    if kind == "ours":
        content = body(call_id)
        url = f"{airflow.url}/voiceinfra/webhook"
        answer = requests.post(url, content, headers={"X-VoiceInfra-Signature": sign(content)}, timeout=30)
        assert answer.status_code == 200
    else:
        file.touch()
    at = datetime.now(UTC)
    assert airflow.wait_for_run(dag_id, run_id, timeout=60) == "success"
    [after] = [task for task in airflow.task_instances(dag_id, run_id) if task["task_id"] == "after"]
    return (datetime.fromisoformat(after["start_date"]) - at).total_seconds()


def main() -> None:
    with tempfile.TemporaryDirectory() as home, running(find_binaries(), durable=True) as database:
        airflow = Standalone(
            Path(home),
            dags_folder=Path(__file__).with_name("dags"),
            env={
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": database,
                "PYTHONPATH": str(Path(__file__).parents[3]),
                "AIRFLOW__VOICEINFRA__CALL_STORE": f"sqlite:///{home}/voiceinfra.db",
                "AIRFLOW_CONN_VOICEINFRA_DEFAULT": CONNECTION,
            },
        )
        found: dict[tuple[str, str], list[float]] = {}
        CallStore(f"sqlite:///{home}/voiceinfra.db").migrate()
        with airflow:
            for _ in range(ROUNDS):
                for ending in ("worker", "trigger"):
                    for kind in ("floor", "ours"):
                        found.setdefault((ending, kind), []).append(measure(airflow, kind, ending))
        print(f"{'ended by':<10}{'floor (s)':>11}{'ours (s)':>10}{'ratio':>7}   medians of {ROUNDS}")
        for ending in ("worker", "trigger"):
            floor, ours = (statistics.median(found[ending, kind]) for kind in ("floor", "ours"))
            print(f"{ending:<10}{floor:>11.2f}{ours:>10.2f}{ours / floor:>7.2f}")


if __name__ == "__main__":
    main()
