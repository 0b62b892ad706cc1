"""The demo, as a newcomer starts it: on SQLite, with a call store that makes itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import pytest

from tests.system.conftest import wait_until

COMMAND = [sys.executable, "-m", "airflow_provider_voiceinfra", "demo", "--home"]


def start(home):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return subprocess.Popen(
        [*COMMAND, str(home)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )


def processes_of(home):
    """Who works in this home, however it is related to the demo."""
    found = []
    for process in psutil.process_iter(["environ", "status"]):
        environment = process.info["environ"] or {}
        if environment.get("AIRFLOW_HOME") == str(home) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


def test_the_demo_calls_everybody_once_shows_what_they_said_and_leaves_nothing(tmp_path):
    demo = start(tmp_path)
    output, _ = demo.communicate(timeout=900)
    assert demo.returncode == 0, output
    assert "6 people, 6 calls, every one completed; nobody was called twice." in output
    for person, outcome in (("Ada Lovelace", "answered"), ("Hedy Lamarr", "voicemail"), ("Mary Anning", "failed")):
        assert output.count(f"calling    {person}") == output.count(f"completed  {person}") == 1
        assert any(person in line and outcome in line for line in output.splitlines())
    assert processes_of(tmp_path) == []


@pytest.mark.parametrize(
    ("when", "how"), [("Starting Airflow", signal.SIGTERM), ("Airflow is up", signal.SIGKILL)], ids=["ended", "killed"]
)
def test_a_demo_that_is_killed_leaves_no_process(tmp_path, when, how):
    demo = start(tmp_path)
    for line in demo.stdout:
        if when in line:
            break
    wait_until(lambda: processes_of(tmp_path))
    demo.send_signal(how)
    demo.wait(60)
    psutil.wait_procs(processes_of(tmp_path), timeout=120)
    assert processes_of(tmp_path) == []
