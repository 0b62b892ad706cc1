"""An event loop whose timers follow the clock of a test."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple, cast

from airflow_provider_voiceinfra.store.watch.commit_listener import Noticed
from airflow_provider_voiceinfra.testing.autojump import NEVER, AutojumpClock

_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")


class AutojumpLoop(asyncio.SelectorEventLoop):
    """Runs one trigger, alone: when it has nothing to do, the clock of the test waits for its next timer."""

    def __init__(self, clock: AutojumpClock) -> None:
        self._clock = clock
        super().__init__(_Selector(clock, self._wake_listeners))
        self.happened = asyncio.Event()

    @staticmethod
    def running() -> AutojumpLoop:
        """Return the running loop."""
        return cast("AutojumpLoop", asyncio.get_running_loop())

    def time(self) -> float:
        """Return the time of the timers."""
        return self._clock.monotonic()

    def run_in_executor(
        self,
        executor: Executor | None,  # noqa: ARG002 - as in asyncio
        func: Callable[[*_Arguments], _Result],
        *args: *_Arguments,
    ) -> asyncio.Future[_Result]:
        """Run a function at once: no time passes while it runs."""
        future: asyncio.Future[_Result] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - raised where it is awaited
            future.set_exception(error)
        return future

    def _wake_listeners(self) -> None:
        self.happened.set()
        self.happened.clear()


class WaitListener:
    """Notices commits without polling: they are among what the clock knows to happen."""

    listening = True

    async def run(self, noticed: Noticed) -> None:
        """Notice commits, until cancelled."""
        while True:
            noticed(None)
            await AutojumpLoop.running().happened.wait()


class _Selector(selectors.DefaultSelector):
    """Waits by the clock of the test.

    :param happened: called when something has happened meanwhile.
    """

    def __init__(self, clock: AutojumpClock, happened: Callable[[], None]) -> None:
        super().__init__()
        self._clock = clock
        self._happened = happened

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait until the clock has come to a timer, or something has happened."""
        ready = super().select(0)
        seconds = NEVER.total_seconds() if timeout is None else timeout
        if not ready and self._clock.wait(seconds):
            self._happened()
        return ready
