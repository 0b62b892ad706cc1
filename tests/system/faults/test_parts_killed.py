"""A part of Airflow is killed while calls are open: each ends right once it is back, without a person."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
from contextlib import ExitStack, suppress

import psutil
import pytest
import requests

from airflow_provider_voiceinfra.demo import reaper
from tests.support.processes import wait_until_gone
from tests.support.store_samples import deliver
from tests.system.conftest import is_part_of, wait_until

WAITS = 30
# The API server comes last: nothing is known of the others while it is away.
PARTS = {
    "triggerer": "+12245550164",
    "dag-processor": "+12605550164",
    "scheduler": "+12545550164",
    "api-server": "+12255550164",
}


@pytest.fixture(scope="session")
def replacements(airflow):
    """Processes that took the place of killed ones, until the session ends."""
    with ExitStack() as stack:
        yield stack


def kill(airflow, component):
    """SIGKILL a part of the real Airflow, its children too."""
    children = psutil.Process(airflow._process.pid).children(recursive=True)
    # An earlier test may have put another process in its place.
    others = [each for each in psutil.process_iter() if is_part_of(airflow, each)]
    found = [each for each in {*children, *others} if component in title(each)]
    assert found
    killed = {*found, *(child for each in found for child in each.children(recursive=True))}
    for process in killed:
        process.kill()
    assert wait_until_gone(list(killed), timeout=60) == []


def title(process):
    # Airflow names its processes anew: `airflow api_server -- …`.
    with suppress(psutil.Error):
        return " ".join(process.cmdline()).replace("_", "-")
    return ""


def start(airflow, component, stack):
    command = [shutil.which("airflow", path=airflow.env["PATH"]), component]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", reaper.__name__, "--", *command],
        env=airflow.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    stack.callback(process.communicate)
    stack.callback(process.terminate)


@pytest.fixture(scope="module")
def opened(airflow, sandbox, replacements):
    """The run and the call of each part, which was killed while that call was open: one part after the other."""
    # A part may take minutes to come back on a busy machine.
    runs = {
        part: airflow.trigger_dag("crashing", conf={"to_number": number, "completion_timeout": 900})
        for part, number in PARTS.items()
    }
    for run_id in runs.values():
        airflow.wait_for_task("crashing", run_id, "call", states={"deferred"}, timeout=240)
    dials = {dial.to_number: dial for dial in sandbox.dials}
    for part, number in PARTS.items():
        kill(airflow, part)
        sandbox.complete(dials[number].call_id)
        start(airflow, part, replacements)
    wait_until(lambda: answers(airflow), 240)
    return {part: (runs[part], dials[number]) for part, number in PARTS.items()}


def answers(airflow):
    with suppress(requests.RequestException):
        return airflow.health()


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_airflow_is_killed_while_a_call_is_open(airflow, sandbox, call_store, opened, part):
    run_id, dial = opened[part]
    assert airflow.wait_for_run("crashing", run_id, timeout=600) == "success"
    assert call_store.calls.get(dial.call_id).state == "completed"
    assert len([each for each in sandbox.dials if each.to_number == dial.to_number]) == 1


def test_mapped_waits_outlive_their_two_triggerers(airflow, call_store, replacements):
    """Some calls end before they are killed, some while there is none, some when another one has taken over."""
    start(airflow, "triggerer", replacements)
    ids = [f"mapped_{secrets.token_hex(8)}" for _ in range(WAITS)]
    run_id = airflow.trigger_dag("wait_mapped", conf={"call_ids": ids})
    airflow.wait_for_task(
        "wait_mapped", run_id, "wait", states={"deferred", "success"}, map_index=WAITS - 1, timeout=240
    )
    for call_id in ids[:10]:
        deliver(call_store, call_id)
    kill(airflow, "triggerer")
    for call_id in ids[10:20]:
        deliver(call_store, call_id)
    start(airflow, "triggerer", replacements)
    for call_id in ids[20:]:
        deliver(call_store, call_id)
    assert airflow.wait_for_run("wait_mapped", run_id, timeout=240) == "success"
    found = [airflow.xcom("wait_mapped", run_id, "wait", map_index=index)["call_id"] for index in range(WAITS)]
    assert found == ids
