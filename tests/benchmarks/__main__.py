"""Measure, and make a page of what was found: docs/benchmarks.md, with its pictures.

``python -m tests.benchmarks [--long] [NAME …]`` runs all of them, or those named; what the others have found before
stays. The long form takes an hour more.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import psutil

from airflow_provider_voiceinfra import __version__
from tests.benchmarks import page
from tests.benchmarks.findings import FILE

BENCHMARKS = {
    "faults": ["faults"],
    "hammer": ["hammer", "--calls=3000"],
    "losses": ["receiver.losses"],
    "call_list": ["call_list"],
    "waiting": ["waiting", "10000"],
    "deferral": ["deferral", "--waits=60", "--with-worker=30", "--rounds=2"],
    "receiver": ["receiver"],
    "guard": ["guard", "--calls=200000"],
    "calls_page": ["calls_page", "--calls=1000000"],
    "imports": ["imports"],
}
"""Those that take long by themselves are given less to do."""

LONG = {
    "call_list": ["call_list", "--planned=1000000"],
    "deferral": ["deferral"],
    "guard": ["guard"],
    "soak": ["waiting.soak"],
}
"""What the long form gives more to do, and what it adds."""


def main() -> int:
    """Run them; ends with 1 if one breaks off. What misses its bar is shown as such."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--long", action="store_true", help="measure more, and for longer")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS | LONG)} (default: all)"
    )
    asked = parser.parse_args()
    benchmarks = BENCHMARKS | LONG if asked.long else BENCHMARKS
    names = asked.names or list(benchmarks)
    if unknown := set(names) - set(benchmarks):
        parser.error(f"no benchmark is named {', '.join(sorted(unknown))}")
    broken = [name for name in names if not _run(name, benchmarks[name])]
    page.write()
    if broken:
        sys.stderr.write(f"These broke off, and the page shows what they found before: {', '.join(broken)}\n")
    return 1 if broken else 0


def _run(name: str, command: list[str]) -> bool:
    module, *options = command
    said = " ".join(("python -m", f"tests.benchmarks.{module}", *options))
    print(f"\n{name}: {said}\n", flush=True)
    machine = _machine()
    with tempfile.NamedTemporaryFile("r", suffix=".jsonl") as findings:
        started = [sys.executable, "-m", f"tests.benchmarks.{module}", *options]
        status = subprocess.run(started, check=False, env=os.environ | {FILE: findings.name}).returncode
        found = [json.loads(line) for line in findings]
    # With 1 ends who misses a bar, and who breaks off: what has found nothing has broken off.
    if status not in {0, 1} or not found:
        return False
    page.keep(name, {"machine": machine, "command": said, "findings": found})
    return True


def _machine() -> dict[str, str]:
    model = [line for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    from airflow import __version__ as airflow

    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": f"{os.cpu_count()} cores of {model[0].partition(':')[2].strip() if model else platform.processor()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "software": f"Python {platform.python_version()}, Airflow {airflow}, version {__version__} of this package",
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


if __name__ == "__main__":
    raise SystemExit(main())
