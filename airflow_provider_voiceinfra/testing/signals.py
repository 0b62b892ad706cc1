"""SIGINT and SIGTERM during ``dag.test()``."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from airflow_provider_voiceinfra.testing.airflow_time import is_called_by
from airflow_provider_voiceinfra.testing.autojump import AutojumpClock


@contextmanager
def ended_by_signals(clock: AutojumpClock, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the test, not only the task, as Airflow does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    set_handler, came = signal.signal, list[int]()

    def ending(before: Any) -> Callable[[int, FrameType | None], None]:
        def end(number: int, frame: FrameType | None) -> None:
            came.append(number)
            if callable(before):
                before(number, frame)
            clock.end(KeyboardInterrupt())

        return end

    def set_ending_handler(number: int, handler: Any) -> Any:
        by_airflow = is_called_by("airflow.sdk.execution_time.task_runner")
        return set_handler(number, ending(handler) if by_airflow else handler)

    # A process in the background ignores SIGINT.
    heeded = [each for each in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(each) not in {signal.SIG_IGN, None}]
    handlers = {number: set_handler(number, ending(None)) for number in heeded}
    patch.setattr(signal, "signal", set_ending_handler)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            set_handler(number, handler)
        if came:
            # As if it had come now, when everything has been put in order.
            signal.raise_signal(came[0])
