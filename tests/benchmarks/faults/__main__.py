"""How often a phone rings when something fails on the way: each fault that the sandbox knows, with two retries.

``python -m tests.benchmarks.faults`` prints how often each callee was called by this package and by HttpOperator.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path

from airflow_provider_voiceinfra.demo.airflow_process import Standalone
from airflow_provider_voiceinfra.sandbox import SCENARIOS, Sandbox
from tests.benchmarks.faults.dags.faulty import OURS, THEIRS
from tests.benchmarks.findings import found


def main() -> int:
    """Measure; ends with 1 if anybody was called twice by this package."""
    dials = _dials()
    print("| fault | calls by OutboundCallOperator | calls by HttpOperator |\n|---|---|---|")
    for scenario, ours, theirs in zip(SCENARIOS, OURS, THEIRS, strict=True):
        print(f"| {scenario.code} {scenario.name} | {dials[ours]} | {dials[theirs]} |")
    twice, by_http = (sum(dials[number] > 1 for number in numbers) for numbers in (OURS, THEIRS))
    what = f"callees called more than once, of {len(OURS)} with a fault each"
    beside = {"beside": "HttpOperator, with the same retries", "than": by_http}
    holds = found(what, twice, "callees", **beside, bar="0", holds=twice == 0)
    return 0 if holds else 1


def _dials() -> Counter[str]:
    """Call everybody in each way; gives how often each number was called."""
    with tempfile.TemporaryDirectory(prefix="vi-faults-") as home, Sandbox(delay=None) as sandbox:
        account = {"agent_id": "agent_sandbox", "from_number": "+14155550199"}
        connections = {
            "VOICEINFRA_DEFAULT": {"conn_type": "voiceinfra", "password": "sandbox-key", "extra": account},
            "SANDBOX": {"conn_type": "http"},
        }
        env = {
            f"AIRFLOW_CONN_{name}": json.dumps(fields | {"host": sandbox.url}) for name, fields in connections.items()
        }
        with Standalone(Path(home), dags_folder=Path(__file__).with_name("dags"), env=env) as airflow:
            airflow.wait_for_run("faulty", airflow.trigger_dag("faulty"), timeout=900)
        return Counter(dial.to_number for dial in sandbox.dials)


if __name__ == "__main__":
    raise SystemExit(main())
