"""A thread that runs actions later."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Schedule:
    """Runs short actions at their time, one after the other; pending actions are dropped at the stop."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="sandbox-schedule", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, after the running action if there is one."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self._thread.join()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Run an action later.

        :param seconds: the delay
        :param action: must be short and not raise
        """
        entry = (time.monotonic() + seconds, next(self._order), action)
        with self._changed:
            heapq.heappush(self._heap, entry)
            if self._heap[0] is entry:
                self._changed.notify()

    def _run(self) -> None:
        while (action := self._next()) is not None:
            action()

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while not self._stopped:
                left = self._heap[0][0] - time.monotonic() if self._heap else None
                if left is not None and left <= 0:
                    return heapq.heappop(self._heap)[2]
                self._changed.wait(left)
        return None
