"""What is done to the workers: drawn by the seed, for each ask that is handed out."""

from __future__ import annotations

from enum import Enum
from signal import SIGCONT, SIGKILL, SIGSTOP

from tests.benchmarks.hammer.asks import Ask, Plan
from tests.benchmarks.hammer.pace import LIFETIME

_KILLS, _STOPS = 0.05, 0.003
# About as long as a try takes, so that each of its steps is met; and the part of it before the POST, where it matters
# whether who goes on still believes in its claim.
_KILLED_WITHIN, _STOPPED_WITHIN = 0.12, 0.04
# Until the claim is too old, or until a person has looked for the call too.
_STOPPED_LIFETIMES = (1.25, 3.0)


class Strike(Enum):
    """A signal to a worker."""

    KILL = SIGKILL
    STOP = SIGSTOP
    GO_ON = SIGCONT


def strikes(plan: Plan, ask: Ask) -> list[tuple[float, Strike]]:
    """Draw what is done to the worker that is handed an ask, and after how many seconds, whatever it does by then."""
    chance = plan.chance("strike", ask)
    kind = chance.random()
    if kind < _KILLS:
        return [(chance.uniform(0.0, _KILLED_WITHIN), Strike.KILL)]
    if kind < _KILLS + _STOPS:
        seconds = chance.uniform(0.0, _STOPPED_WITHIN)
        stopped = chance.choice(_STOPPED_LIFETIMES) * LIFETIME.total_seconds()
        return [(seconds, Strike.STOP), (seconds + stopped, Strike.GO_ON)]
    return []
