"""Ask for thousands of calls while workers are killed, answers are lost and the receiver goes away.

``python -m tests.benchmarks.hammer`` prints what became of them, for each kind of store; the promise is that none is
placed twice and none is lost. It ends with 1 if one is.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks.hammer.asks import Plan
from tests.benchmarks.hammer.judge import Fate
from tests.benchmarks.hammer.run import Result, hammer
from tests.postgres import find_binaries, running

STORES = ("sqlite", "postgresql")
COLUMNS = ("asked", *Fate)
SHOWN = 20


def main() -> int:
    """Hammer the stores that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.hammer", description=__doc__)
    plan = Plan()
    parser.add_argument("--calls", type=int, default=plan.calls)
    parser.add_argument("--processes", type=int, default=plan.processes)
    parser.add_argument("--seed", type=int, default=plan.seed)
    parser.add_argument("--store", choices=[*STORES, "both"], default="both")
    asked = parser.parse_args()
    plan = Plan(asked.calls, asked.processes, asked.seed)
    print(f"{'store':<12}" + "".join(f"{column:>14}" for column in COLUMNS), flush=True)
    holds = True
    for kind in STORES if asked.store == "both" else [asked.store]:
        with _place(kind) as url:
            result = hammer(url, plan)
        _show(kind, result)
        holds &= result.holds
    return 0 if holds else 1


@contextmanager
def _place(kind: str) -> Iterator[str]:
    if kind == "postgresql":
        with running(find_binaries()) as url:
            yield url
    else:
        with tempfile.TemporaryDirectory(prefix="vi-hammer-") as directory:
            yield f"sqlite:///{directory}/voiceinfra.db"


def _show(kind: str, result: Result) -> None:
    judgement = result.judgement
    print(f"{kind:<12}" + "".join(f"{count:>14}" for count in result.row))
    print(
        f"  {result.seconds:.0f} s, {result.plan.calls / result.seconds:.0f} calls/s in {result.tries} tries;"
        f" workers killed {result.killed}, stopped for too long {result.stopped};"
        f" receiver killed {result.receiver_killed}\n"
        f"  claims of the dead {judgement.orphans}; settled by their webhook {judgement.recovered};"
        f" reported with a webhook that may be another's {judgement.ambiguous}, that is theirs {judgement.stuck}",
        flush=True,
    )
    for evidence in judgement.evidence[:SHOWN]:
        print(evidence, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
