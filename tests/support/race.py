"""Many at once: threads, and forked processes."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

PATIENCE = 300
"""Seconds after which a race that does not end has failed."""


def in_threads(*work: Callable[[], Any]) -> list[Any]:
    """Let each run in a thread, all from the same moment; gives their results, or raises what one raised."""
    start = threading.Barrier(len(work))

    def run(one: Callable[[], Any]) -> Any:
        start.wait(PATIENCE)
        return one()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(run, work))


def in_processes(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Let forked processes run the same, all from the same moment; gives their results, or fails with an error of one.

    A result may be any plain value.
    """
    context = multiprocessing.get_context("fork")
    start, results = context.Barrier(count), context.SimpleQueue()

    def run(number: int) -> None:
        start.wait(PATIENCE)
        try:
            results.put((work(number), None))
        except Exception as error:  # noqa: BLE001 - the parent's test shall see it
            results.put((None, repr(error)))

    processes = [context.Process(target=run, args=(number,)) for number in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE)
    assert [process.exitcode for process in processes] == [0] * count
    ended = [results.get() for _ in processes]
    assert [error for _, error in ended if error] == []
    return [result for result, _ in ended]
