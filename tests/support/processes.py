"""Whether processes have ended."""

from __future__ import annotations

import time

import psutil


def wait_until_gone(processes: list[psutil.Process], timeout: float) -> list[psutil.Process]:
    """Return those that run after the time is up. A zombie has ended: its parent has only not asked yet."""
    deadline = time.monotonic() + timeout
    while (left := [each for each in processes if runs(each)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
