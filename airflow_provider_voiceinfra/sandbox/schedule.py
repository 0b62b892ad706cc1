"""The sandbox's time, and a thread that runs actions later."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Schedule:
    """Runs short actions at their time, one after the other; pending actions are dropped at the stop.

    :param ahead: how far the sandbox's time is ahead of the host's
    """

    def __init__(self, ahead: Callable[[], timedelta] = timedelta) -> None:
        self._ahead = ahead
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._stopped = False
        self._running = False
        self.runs = 0
        """How many actions were run."""
        self._thread = threading.Thread(target=self._run, name="sandbox-schedule", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, after the running action if there is one."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join()

    def now(self) -> datetime:
        """Return the sandbox's time."""
        return datetime.now(UTC) + self._ahead()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Run an action later.

        :param action: must be short and not raise
        """
        entry = (self._monotonic() + seconds, next(self._order), action)
        with self._changed:
            heapq.heappush(self._heap, entry)
            if self._heap[0] is entry:
                self._changed.notify_all()

    def settle(self) -> float | None:
        """Wait until no action is due or running.

        :return: the seconds until the next action; None if there is none
        """
        with self._changed:
            # The time may have been changed since the thread began to wait.
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._stopped or not (self._running or self._is_due()))
            return self._heap[0][0] - self._monotonic() if self._heap else None

    def _run(self) -> None:
        while (action := self._next()) is not None:
            action()

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            if self._running:
                self._running = False
                self.runs += 1
                self._changed.notify_all()
            while not self._stopped:
                if self._is_due():
                    self._running = True
                    return heapq.heappop(self._heap)[2]
                self._changed.wait(self._heap[0][0] - self._monotonic() if self._heap else None)
        return None

    def _is_due(self) -> bool:
        return bool(self._heap) and self._heap[0][0] <= self._monotonic()

    def _monotonic(self) -> float:
        return time.monotonic() + self._ahead().total_seconds()
