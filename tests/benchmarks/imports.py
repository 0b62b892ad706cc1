"""The time to import the operators, on top of ``airflow.sdk``, for every DAG file; and the size of the package.

``python -m tests.benchmarks.imports`` prints a table; the promise is 100 ms at most.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

import airflow_provider_voiceinfra
from tests.benchmarks.findings import found

ROUNDS = 15
BAR_MS = 100
CODE = """
import time
start = time.perf_counter()
from airflow.sdk import DAG, BaseOperator, BaseSensorOperator, conf
conf.getboolean("operators", "default_deferrable")
middle = time.perf_counter()
import airflow_provider_voiceinfra.operators.outbound_call
import airflow_provider_voiceinfra.sensors.call_completion
print(middle - start, time.perf_counter() - middle)
"""


def measure() -> tuple[float, float]:
    """Return the milliseconds of airflow.sdk, and of the operators after it."""
    output = subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True).stdout
    sdk, ours = output.splitlines()[-1].split()
    return 1_000 * float(sdk), 1_000 * float(ours)


def main() -> None:
    rounds = [measure() for _ in range(ROUNDS)]
    sdk, ours = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"{'import':<28}{'median ms':>10}{'ratio':>8}   of {ROUNDS} rounds")
    print(f"{'airflow.sdk':<28}{sdk:>10.0f}{1:>8.2f}")
    print(f"{'+ operators and sensors':<28}{ours:>10.1f}{ours / sdk:>8.3f}")
    found(
        "import of operators and sensors",
        ours,
        "ms",
        beside="airflow.sdk, which every DAG file imports",
        than=sdk,
        bar=f"≤ {BAR_MS} ms",
        holds=ours <= BAR_MS,
    )
    files = [path for path in Path(airflow_provider_voiceinfra.__file__).parent.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files if "__pycache__" not in path.parts)
    print(f"{'size of the package':<28}{size / 2**20:>10.1f} MB")
    found("size of the package, with the scripts of the Calls page", size / 2**20, "MB")


if __name__ == "__main__":
    main()
