"""What is to be done later, in one loop that must not sleep."""

from __future__ import annotations

import heapq
import itertools
import time
from typing import Generic, TypeVar

T = TypeVar("T")


class Agenda(Generic[T]):
    """Things, each with a time at which it is due."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, T]] = []
        self._order = itertools.count()

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, seconds: float, thing: T) -> None:
        """Have a thing due in so many seconds."""
        heapq.heappush(self._heap, (time.monotonic() + seconds, next(self._order), thing))

    def due(self) -> list[T]:
        """Return what is due, in order, each once."""
        things = []
        while self._heap and self._heap[0][0] <= time.monotonic():
            things.append(heapq.heappop(self._heap)[-1])
        return things

    def seconds_to_next(self, longest: float) -> float:
        """Say for how long nothing is due."""
        return max(0.0, min(longest, self._heap[0][0] - time.monotonic())) if self._heap else longest
