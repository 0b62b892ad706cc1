"""The stop flag, which every loop and sleep before a POST checks."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from airflow_provider_voiceinfra.errors import CallStoppedError

CHECK_INTERVAL = 0.1
"""Maximum number of seconds until a wait notices the flag."""


class StopFlag:
    """Once it is set, no POST begins.

    A plain attribute, because signal handlers set it: an event's lock may be held by the code that they interrupt, and
    an exception that a handler raises can be lost in a destructor or a callback.
    """

    __slots__ = ("is_set",)

    def __init__(self) -> None:
        self.is_set = False

    def set(self) -> None:
        """Set the flag. Safe in a signal handler."""
        self.is_set = True

    def check(self) -> None:
        """Raise an error if the flag is set."""
        if self.is_set:
            raise CallStoppedError

    def sleep(self, seconds: float) -> None:
        """Sleep, and raise an error as soon as the flag is set."""
        end = time.monotonic() + seconds
        self.check()
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, CHECK_INTERVAL))
            self.check()


@contextmanager
def stop_at_sigterm(stop: StopFlag) -> Iterator[None]:
    """Set the flag when this process receives SIGTERM, before the existing handler runs.

    Airflow's own handler only calls ``on_kill`` of the task's operator, which does not reach a hook or a notifier. If
    SIGTERM would end the process, it does so once the block has ended. Outside the main thread, which alone receives
    signals, this does nothing.
    """
    before = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or before in {signal.SIG_IGN, None}:
        yield
        return
    came = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True
        stop.set()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        # Unless another handler was set meanwhile, which stays.
        if signal.getsignal(signal.SIGTERM) is handle:
            signal.signal(signal.SIGTERM, before)
        if came and before == signal.SIG_DFL:
            os.kill(os.getpid(), signal.SIGTERM)
