"""Hosts whose clock is wrong: processes in which all of Python tells another time."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any


def on_host(ahead: dt.timedelta, work: Callable[..., Any], *args: Any) -> Any:
    """Run something in a process of its own, on a host whose clock is ahead of ours, or behind.

    :param work: a function of a module, imported after the clock is set; gives plain values, no times.
    """
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, initializer=_set_clock, initargs=(ahead,)) as host:
        return host.submit(work, *args).result()


def _set_clock(ahead: dt.timedelta) -> None:
    right, right_time = dt.datetime, time.time

    class IsDatetime(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, right)

    class WrongDatetime(right, metaclass=IsDatetime):
        __slots__ = ()

        @classmethod
        def now(cls, tz=None):
            return right.now(tz) + ahead

        @classmethod
        def utcnow(cls):
            return right.now(dt.UTC).replace(tzinfo=None) + ahead

    dt.datetime = WrongDatetime
    time.time = lambda: right_time() + ahead.total_seconds()
