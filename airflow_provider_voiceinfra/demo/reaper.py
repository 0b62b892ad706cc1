"""Runs a command, and terminates it with all its descendants when the caller exits, even by SIGKILL.

``python -m airflow_provider_voiceinfra.demo.reaper -- COMMAND…``, in a session of its own and with a pipe
from the caller as standard input: the kernel closes the pipe when the caller exits for any reason.
SIGTERM and SIGINT have the same effect as the closed pipe.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time

import psutil

#: Seconds for a clean exit, in which Airflow closes its resources.
GRACE = 2.0
#: Seconds for the kernel to remove killed processes.
KILL_TIMEOUT = 10.0
#: Exit code if a process cannot be terminated.
FAILED = 70

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_PR_SET_CHILD_SUBREAPER = 36


def main(arguments: list[str]) -> int:
    """Run a command until it exits or the caller stops it.

    :param arguments: ``--`` and the command
    :return: the command's exit code, 0 if it was stopped, ``FAILED`` if a process of it is left
    """
    _adopt_orphans()
    signals = _signals_as_bytes()
    child = subprocess.Popen(arguments[1:], stdin=subprocess.DEVNULL, process_group=0)  # noqa: S603 -- its purpose
    _wait(child, signals)
    exit_code = child.returncode
    if left := _end(child):
        sys.stderr.write(f"These processes could not be terminated: {left}\n")
        return FAILED
    return exit_code or 0


def _adopt_orphans() -> None:
    """Make orphaned descendants children of this process, so that none escapes it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _signals_as_bytes() -> int:
    """Return a file descriptor that yields the number of each signal, including SIGCHLD."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (*_STOP_SIGNALS, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return reader


def _wait(child: subprocess.Popen[bytes], signals: int) -> None:
    """Wait until the command has exited or the caller stops it."""
    caller = 0
    while child.poll() is None:
        readable, _, _ = select.select([caller, signals], [], [])
        if caller in readable and not os.read(caller, 1024):
            return
        if signals in readable and set(os.read(signals, 1024)) & set(_STOP_SIGNALS):
            return


def _end(child: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Terminate the command and every descendant, gracefully first.

    Only the command itself is sent SIGINT: ``airflow standalone`` then stops its components, and a scheduler
    that gets a second signal while it stops its executor hangs. On SIGTERM it would leave its components behind.

    :return: the processes that are left
    """
    known = set(psutil.Process().children(recursive=True))
    if child.returncode is None:
        child.send_signal(signal.SIGINT)
        deadline = time.monotonic() + GRACE
        while _alive(known) and time.monotonic() < deadline:
            time.sleep(0.05)
    deadline = time.monotonic() + KILL_TIMEOUT
    while (left := _alive(known)) and time.monotonic() < deadline:
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(0.02)
    if sys.platform != "linux":  # orphans are not adopted there, but most have stayed in the command's group
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
    return left


def _alive(known: set[psutil.Process]) -> list[psutil.Process]:
    """Return the known and new descendants that are running, after reaping those that have exited."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    known.update(psutil.Process().children(recursive=True))
    return [process for process in known if process.is_running()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
