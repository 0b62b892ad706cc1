"""Stopping: a flag that every loop and sleep on the way to a POST checks."""

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
"""Seconds after which a wait notices that it is to stop, at the latest."""


class StopFlag:
    """Says whether calls may still be placed here; once it is set, no POST begins.

    A plain attribute, because signal handlers set it: an event's lock may be held by the code that they interrupt, and
    an exception that a handler raises can be lost in a destructor or a callback.
    """

    __slots__ = ("is_set",)

    def __init__(self) -> None:
        self.is_set = False

    def set(self) -> None:
        """Let nothing more begin. Safe in a signal handler."""
        self.is_set = True

    def check(self) -> None:
        """Go on only while the flag is not set.

        :raises CallStoppedError: if it is.
        """
        if self.is_set:
            raise CallStoppedError

    def sleep(self, seconds: float) -> None:
        """Sleep, but no longer than until the flag is set.

        :raises CallStoppedError: if it is.
        """
        end = time.monotonic() + seconds
        self.check()
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, CHECK_INTERVAL))
            self.check()


@contextmanager
def stop_at_sigterm(stop: StopFlag) -> Iterator[None]:
    """Set a flag when this process gets SIGTERM, besides whatever else it does then.

    Airflow's own handler only calls ``on_kill`` of the task's operator, which knows nothing of a hook that the task
    uses, or of a notifier. Where SIGTERM would end the process, it does so once the block has ended. Signals reach the
    main thread only; elsewhere this does nothing.
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
        # Unless somebody has set another handler meanwhile, which stays.
        if signal.getsignal(signal.SIGTERM) is handle:
            signal.signal(signal.SIGTERM, before)
        if came and before == signal.SIG_DFL:
            os.kill(os.getpid(), signal.SIGTERM)
