"""The reaper ends every process that a command has started."""

from __future__ import annotations

import signal
import subprocess
import sys

import psutil
import pytest

from airflow_provider_voiceinfra.demo import reaper
from tests.support.processes import wait_until_gone

# Leaves a grandchild in a session of its own that ignores whatever can be ignored, and runs on itself.
STUBBORN = """
import os, signal, sys, time

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        print("ready", flush=True)
        time.sleep(600)
    os._exit(0)
os.wait()
time.sleep(float(sys.argv[1]))
"""


@pytest.mark.parametrize("end", ["pipe", signal.SIGTERM, signal.SIGINT, "command"])
def test_the_reaper_ends_what_has_left_its_session_and_ignores_signals(end):
    seconds = "0.2" if end == "command" else "600"
    command = [sys.executable, "-m", reaper.__name__, "--", sys.executable, "-c", STUBBORN, seconds]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        everything = psutil.Process(process.pid).children(recursive=True)
        if end == "pipe":
            process.stdin.close()
        elif end != "command":
            process.send_signal(end)
        assert process.wait(timeout=60) == 0
    assert wait_until_gone(everything, timeout=0) == []
