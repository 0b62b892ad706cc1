"""When which worker is killed or stopped: drawn by the seed, for each ask that is handed out."""

from __future__ import annotations

import heapq
import itertools
import signal
import time
from enum import Enum
from typing import TYPE_CHECKING

from tests.benchmarks.hammer.asks import Ask, Plan
from tests.benchmarks.hammer.pace import LIFETIME

if TYPE_CHECKING:
    from tests.benchmarks.hammer.crew import Worker

_KILLED, _STOPPED = 0.05, 0.003
# About as long as a try takes, so that each of its steps is met.
_WITHIN_SECONDS = 0.12
_STOPPED_SECONDS = 1.25 * LIFETIME.total_seconds()


class Strike(Enum):
    """What is done to a worker."""

    KILL = signal.SIGKILL
    STOP = signal.SIGSTOP
    GO_ON = signal.SIGCONT


class Strikes:
    """Plans strikes, and says which are due."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._heap: list[tuple[float, int, Worker, Strike]] = []
        self._order = itertools.count()

    def plan_for(self, worker: Worker, ask: Ask) -> None:
        """Draw what becomes of the worker that was just handed an ask; it is met even if it has another one by then."""
        chance = self._plan.chance("strike", ask)
        kind, seconds = chance.random(), chance.uniform(0.0, _WITHIN_SECONDS)
        if kind < _KILLED + _STOPPED:
            self._after(seconds, worker, Strike.KILL if kind < _KILLED else Strike.STOP)

    def go_on_later(self, worker: Worker) -> None:
        """Let a stopped worker go on, when its claim is too old."""
        self._after(_STOPPED_SECONDS, worker, Strike.GO_ON)

    def due(self) -> list[tuple[Worker, Strike]]:
        """Give the strikes whose time has come, each once."""
        found = []
        while self._heap and self._heap[0][0] <= time.monotonic():
            _, _, worker, strike = heapq.heappop(self._heap)
            found.append((worker, strike))
        return found

    def seconds_to_next(self, longest: float) -> float:
        """Say how long nothing is due."""
        return max(0.0, min(longest, self._heap[0][0] - time.monotonic())) if self._heap else longest

    def _after(self, seconds: float, worker: Worker, strike: Strike) -> None:
        heapq.heappush(self._heap, (time.monotonic() + seconds, next(self._order), worker, strike))
