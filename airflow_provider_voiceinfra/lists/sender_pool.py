"""Threads that send what was claimed and has a send permit, and bring back what VoiceInfra said."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

J = TypeVar("J")
R = TypeVar("R")


class Crew(Generic[J, R]):
    """Does jobs in threads; what they come to is taken back by one.

    :param do: does a job.
    """

    def __init__(self, size: int, do: Callable[[J], R]) -> None:
        self._pool = ThreadPoolExecutor(size, "voiceinfra-list")
        self._do = do
        self._done: SimpleQueue[tuple[J, R | BaseException]] = SimpleQueue()

    def give(self, job: J) -> None:
        """Have a job done."""
        self._pool.submit(self._work, job)

    def take(self, wait: float) -> list[tuple[J, R | BaseException]]:
        """Take back what is done: each job, and its result or its error.

        :param wait: seconds to wait for the first.
        """
        taken: list[tuple[J, R | BaseException]] = []
        with contextlib.suppress(Empty):
            if wait > 0:
                taken.append(self._done.get(timeout=wait))
            while True:
                taken.append(self._done.get_nowait())
        return taken

    def close(self) -> None:
        """Take no more jobs. Threads that are busy still end by themselves."""
        self._pool.shutdown(wait=False)

    def _work(self, job: J) -> None:
        try:
            self._done.put((job, self._do(job)))
        except BaseException as error:  # noqa: BLE001 - whoever takes it back raises it
            self._done.put((job, error))
