"""The one clock of a test: it jumps to the end of any wait in which nothing else can happen."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NoReturn

import pytest

from airflow_provider_voiceinfra.sandbox import Sandbox
from airflow_provider_voiceinfra.store import clock

log = logging.getLogger(__name__)

NEVER = timedelta(days=3650)
"""A wait this long has no end of its own: only something that happens ends it."""
# The time left of such a wait, at least.
_NO_END = (NEVER / 2).total_seconds()
_SHORT = 1.0


class AutojumpClock:
    """Tells the time of a test, and skips its waits.

    It runs like any clock, and is set forward when the task under ``dag.test()`` waits: to the next event of the
    sandbox or of the test, or to the end of the wait. Calls and webhooks in progress end first.

    :param describe: returns what a wait without an end waits for.
    """

    def __init__(self, sandbox: Sandbox, describe: Callable[[], str]) -> None:
        self._sandbox = sandbox
        self._describe = describe
        self._seen = 0
        self._error: BaseException | None = None

    def now(self) -> datetime:
        """Return the time of the test, in UTC."""
        return datetime.now(UTC) + clock.ahead()

    def monotonic(self) -> float:
        """Return a number of seconds that grows with the time of the test."""
        return time.monotonic() + clock.ahead().total_seconds()

    def set_now(self, now: datetime) -> None:
        """Set the time at which the test begins."""
        clock.jump(now - self.now())

    def after(self, delay: timedelta, action: Callable[[], object]) -> None:
        """Run an action later; an error of it ends the test."""

        def run() -> None:
            try:
                action()
            except BaseException as error:  # noqa: BLE001 - raised in the thread of the test
                self._error = error

        self._sandbox.after(delay.total_seconds(), run)

    def end(self, error: BaseException) -> NoReturn:
        """End the test with an error, which is raised again wherever Airflow goes on in spite of it."""
        self._error = error
        raise error

    def check(self) -> None:
        """Raise the error that has ended the test, if one has."""
        if self._error is not None:
            raise self._error

    def forget_error(self) -> None:
        """Forget the error, once it has ended ``dag.test()``."""
        self._error = None

    def wait(self, seconds: float) -> bool:
        """Wait until something happens, but no longer than this.

        :return: whether something has happened since the last wait.
        """
        end = self.monotonic() + seconds
        while (left := end - self.monotonic()) > 0:
            event_in = self._sandbox.settle()
            if self._has_happened():
                return True
            if event_in is None and left > _NO_END:
                self.end(pytest.fail.Exception(f"Nothing can end this wait. {self._describe()}", pytrace=False))
            self._jump(left if event_in is None else min(left, event_in))
        return False

    def idle_time(self, longest: float) -> float:
        """Return for how many seconds nothing will happen; zero if something has happened since the last wait."""
        event_in = self._sandbox.settle()
        if self._has_happened():
            return 0.0
        return longest if event_in is None else min(longest, max(0.0, event_in))

    def sleep(self, seconds: float) -> None:
        """Wait this long, whatever happens."""
        end = self.monotonic() + seconds
        while (left := end - self.monotonic()) > 0:
            self.wait(left)

    def _has_happened(self) -> bool:
        self.check()
        before, self._seen = self._seen, self._sandbox.happened
        return self._seen != before

    def _jump(self, seconds: float) -> None:
        clock.jump(timedelta(seconds=max(0.0, seconds)))
        if seconds > _SHORT:
            log.info("Nothing else can happen: the clock of the test jumps to %s.", f"{self.now():%Y-%m-%d %H:%M:%S}")
