"""How many waits Airflow fails while the machine is busy, and how soon the next task starts after a wait.

``python -m tests.benchmarks.deferral [--waits 600] [--with-worker 300] [--rounds 4]`` takes about 20 minutes. First
waits end on the idle machine, beside those of Airflow's own DateTimeSensorAsync. Then a real Airflow with its default
settings calls many people at once; each call ends one to five seconds after its task was deferred, without retries.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections import Counter
from pathlib import Path

from airflow_provider_voiceinfra.demo.airflow_process import Standalone
from airflow_provider_voiceinfra.sandbox import Sandbox
from airflow_provider_voiceinfra.store.call_store import CallStore
from tests.benchmarks.deferral import next_task
from tests.benchmarks.deferral.scheduler_log import seconds_until_noted
from tests.benchmarks.findings import found
from tests.benchmarks.receiver.webhooks import SECRET
from tests.postgres import find_binaries, running

# A task is deferred up to a second after it has placed its call.
CALL_SECONDS = (1.0, 6.0)
LONGEST = 7_200
AIRFLOWS_DEFAULTS = {
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "1",
    "AIRFLOW__VOICEINFRA__DEFERRAL_SETTLE_TIME": "10",
}


def airflow_on(database: str, home: Path, sandbox: Sandbox) -> Standalone:
    """Prepare an Airflow whose calls the sandbox takes."""
    store = f"sqlite:///{home}/voiceinfra.db"
    CallStore(store).migrate()
    account = {"agent_id": "agent_sandbox", "from_number": "+14155550199", "webhook_secret": SECRET}
    connection = {"conn_type": "voiceinfra", "host": sandbox.url, "password": "sandbox-key", "extra": account}
    airflow = Standalone(
        home,
        dags_folder=Path(__file__).with_name("dags"),
        env={
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": database,
            "PYTHONPATH": str(Path(__file__).parents[3]),
            "AIRFLOW__VOICEINFRA__CALL_STORE": store,
            "AIRFLOW_CONN_VOICEINFRA_DEFAULT": json.dumps(connection),
            **AIRFLOWS_DEFAULTS,
        },
    )
    sandbox.webhook_url = f"{airflow.url}/voiceinfra/webhook"
    return airflow


def count_failed(airflow: Standalone, dag_id: str, calls: int) -> int:
    """Call as many people at once, and return how many tasks failed."""
    run_id = airflow.trigger_dag(dag_id, conf={"calls": calls})
    airflow.wait_for_run(dag_id, run_id, timeout=LONGEST)
    states = Counter(task["state"] for task in airflow.task_instances(dag_id, run_id) if task["task_id"] == "call")
    print(f"{dag_id}: {dict(states)}", flush=True)
    return calls - states["success"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.deferral")
    parser.add_argument("--waits", type=int, default=600, help="that the triggerer ends")
    parser.add_argument("--with-worker", type=int, default=300, help="that a worker ends")
    parser.add_argument("--rounds", type=int, default=4, help=f"of {next_task.PAIRS} waits of each kind")
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {"ours": [], "floor": []}
    with (
        tempfile.TemporaryDirectory() as folder,
        running(find_binaries(), durable=True) as database,
        Sandbox(secret=SECRET, delay=CALL_SECONDS) as sandbox,
        airflow_on(database, Path(folder), sandbox) as airflow,
    ):
        for _ in range(options.rounds):
            for kind, some in next_task.measure(airflow).items():
                seconds[kind] += some
        failed = count_failed(airflow, "waits", options.waits)
        failed_with_worker = count_failed(airflow, "waits_with_a_worker", options.with_worker)
        noted = seconds_until_noted(airflow.log_file)
    return 0 if all(_findings(options, failed, failed_with_worker, noted, seconds)) else 1


def _findings(
    options: argparse.Namespace, failed: int, with_worker: int, noted: list[float], seconds: dict[str, list[float]]
) -> list[bool]:
    """Print what was found, and return whether each bar holds."""
    ours, floor = (statistics.median(seconds[kind]) for kind in ("ours", "floor"))
    print(
        f"from a deferral until the scheduler has noted it: {noted[len(noted) // 2]:.1f} s, at most {noted[-1]:.1f} s"
    )
    print(
        f"from the webhook's 200 to the next task: {ours:.2f} s; Airflow's own: {floor:.2f} s; {ours / floor:.2f} times"
    )
    of = "waits failed by Airflow, without retries, of {} that {}"
    return [
        found(of.format(options.waits, "the triggerer ended"), failed, "waits", bar="0", holds=not failed),
        found(
            of.format(options.with_worker, "a worker ended"), with_worker, "waits", bar="≤ 1", holds=with_worker <= 1
        ),
        found("from a deferral until the scheduler has noted it, at most", noted[-1], "s"),
        found(
            "from the webhook's 200 to the start of the next task, p50",
            ours,
            "s",
            beside="DateTimeSensorAsync(end_from_trigger=True)",
            than=floor,
            bar="≤ 1.1 times",
            holds=ours <= 1.1 * floor,
        ),
    ]


if __name__ == "__main__":
    raise SystemExit(main())
