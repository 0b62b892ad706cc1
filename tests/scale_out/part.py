"""One process of many, as a machine or a container runs it: started, killed at once with all it has started, ended."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from airflow_provider_voiceinfra.demo import reaper

ROOT = Path(__file__).parent.parent.parent
NAME = "SCALE_OUT_PART"
"""The variable that tells a process which part it belongs to."""


def hostname() -> str:
    """Return the name under which Airflow knows this process: all parts are on one host here."""
    return os.environ.get(NAME, "scale-out")


class Part:
    """A command that runs until it is killed or stopped, and ends with this process, whatever becomes of that.

    :param name: also that of its log file.
    :param logs: the folder of that.
    :param ready: what its log says once it is ready; None where nothing waits for it.
    """

    def __init__(
        self, name: str, command: Sequence[str], env: Mapping[str, str], logs: Path, *, ready: str | None = None
    ) -> None:
        self.name = name
        self.log = logs / f"{name}.log"
        self._command = command
        self._env = {**env, NAME: name}
        self._ready = ready
        self._begin = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, for the first time or again."""
        with self.log.open("ab") as log:
            self._begin = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", reaper.__name__, "--", *self._command],
                env=self._env,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def has_ended(self) -> bool:
        """Return whether it was started and has ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def is_ready(self) -> bool:
        """Return whether its log says so, since it was started last."""
        with self.log.open("rb") as log:
            log.seek(self._begin)
            return self._ready is None or self._ready.encode() in log.read()

    def kill(self) -> None:
        """SIGKILL it and everything it has started, as when its machine is lost."""
        process, self._process = self._process, None
        assert process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            for each in psutil.Process(process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
        # Whatever it has started in between is ended by the reaper.
        process.communicate()

    def ask_to_stop(self) -> None:
        """Ask it to end, which takes a moment."""
        if self._process is not None:
            self._process.terminate()

    def stop(self) -> None:
        """End it with everything it has started."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.communicate()

    def end_of_log(self) -> str:
        """Return the last lines that it has written."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])


def wait_for_parts(parts: Sequence[Part], timeout: float) -> None:
    """Wait until all of them say that they are ready.

    :param timeout: seconds.
    """
    end = time.monotonic() + timeout
    while missing := [part for part in parts if not part.is_ready()]:
        for part in missing:
            if part.has_ended() or time.monotonic() > end:
                raise TimeoutError(f"{part.name} does not start:\n{part.end_of_log()}")
        time.sleep(0.2)
