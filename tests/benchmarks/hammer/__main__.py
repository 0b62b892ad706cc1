"""Ask for thousands of calls while workers are killed, answers are lost and the receiver goes away.

``python -m tests.benchmarks.hammer`` prints what became of them, for each kind of store; the promise is that none is
placed twice and none is lost. It ends with 1 if one is.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.benchmarks.findings import found
from tests.benchmarks.hammer.asks import Plan
from tests.benchmarks.hammer.judge import Fate
from tests.benchmarks.hammer.run import Result, hammer
from tests.benchmarks.hammer.strikes import Strike
from tests.postgres import find_binaries, running

STORES = ("sqlite", "postgresql")
SHOWN = 20


def main() -> int:
    """Hammer the stores that are asked for."""
    plan, kinds = _asked()
    print(f"{'store':<12}" + "".join(f"{column:>14}" for column in ("asked", *Fate)), flush=True)
    holds = True
    for kind in kinds:
        with _place(kind) as url:
            result = hammer(url, plan)
        print(f"{kind:<12}" + "".join(f"{count:>14}" for count in result.row.values()))
        _explain(result)
        wrong = result.judgement.fates[Fate.TWICE] + result.judgement.fates[Fate.LOST]
        what = f"placed twice or lost of {plan.calls:,} calls, {result.strikes[Strike.KILL]} workers killed, {kind}"
        holds &= found(what, wrong, "calls", bar="0", holds=not result.judgement.evidence)
    return 0 if holds else 1


def _asked() -> tuple[Plan, Sequence[str]]:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.hammer", description=__doc__)
    default = Plan()
    parser.add_argument("--calls", type=int, default=default.calls)
    parser.add_argument("--processes", type=int, default=default.processes)
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--store", choices=[*STORES, "both"], default="both")
    asked = parser.parse_args()
    return Plan(asked.calls, asked.processes, asked.seed), STORES if asked.store == "both" else [asked.store]


@contextmanager
def _place(kind: str) -> Iterator[str]:
    if kind == "postgresql":
        with running(find_binaries()) as url:
            yield url
    else:
        with tempfile.TemporaryDirectory(prefix="vi-hammer-") as directory:
            yield f"sqlite:///{directory}/voiceinfra.db"


def _explain(result: Result) -> None:
    found, strikes = result.judgement, result.strikes
    print(
        f"  {result.seconds:.0f} s, {result.plan.calls / result.seconds:.0f} calls/s, {result.tries} tries\n"
        f"  workers killed {strikes[Strike.KILL]}, stopped for a while {strikes[Strike.STOP]};"
        f" receiver killed {result.receiver_kills}; connections cut by the database {result.cuts}\n"
        f"  claims found too old {found.orphans}; unknown calls settled by a person {found.resolved}, by their webhook"
        f" {found.recovered}, not because it may be another's {found.ambiguous}, without a reason {found.stuck}",
        flush=True,
    )
    for evidence in found.evidence[:SHOWN]:
        print(evidence, file=sys.stderr)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
