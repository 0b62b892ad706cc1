"""Stop means stop, on a real Airflow: whatever ends the task, no POST begins later, and the next try goes on."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

import psutil
import requests

from airflow_provider_voiceinfra.store.reads.call_filter import CallFilter
from tests.dags.stopping import ROWS, STOPS, number
from tests.system.conftest import wait_until

LATEST = 2.0
"""Seconds after the signal in which a POST may begin."""
PEOPLE = {number(row) for row in range(ROWS)}
KINDS = ("signalled", "marked_failed", "pod_ended", "marked_success", "cleared", "deleted")


class Note(NamedTuple):
    """What a process of the task has noted."""

    pid: int
    parent: int
    at: float


class Stopped:
    """A run whose task ``call`` is stopped again and again, in the ways that Airflow has."""

    def __init__(self, airflow, sandbox, dag_id):
        self.airflow, self.sandbox, self.dag_id = airflow, sandbox, dag_id
        self.date = datetime.now(UTC)
        self.begin()

    def begin(self):
        self.run_id = self.airflow.trigger_dag(self.dag_id, logical_date=self.date)

    def notes(self, what):
        """What the task's processes have noted: each its id, its parent's, and when."""
        path = self.airflow.home / f"{self.dag_id}.notes"
        lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
        return [Note(int(pid), int(parent), float(at)) for kind, pid, parent, at in lines if kind == what]

    def stop(self, how):
        """Stop the task; gives how many seconds after the signal its last POST began."""
        process, signals = self.notes("began")[-1], len(self.notes("signal"))
        getattr(self, how)(process)
        wait_until(lambda: len(self.notes("signal")) > signals, 60)
        at = self.notes("signal")[signals].at
        wait_until(lambda: not psutil.pid_exists(process.pid), 60)
        # A try that a clear has started meanwhile may dial.
        end = min((each.at for each in self.notes("began") if each.at > at), default=time.time())
        posts = [each.at.timestamp() for each in (*self.sandbox.dials, *self.sandbox.refused)]
        return max((post - at for post in posts if at < post < end), default=0.0)

    def go_on(self, how):
        """Let the next try begin."""
        if how == "deleted":
            self.begin()
        elif how != "cleared":
            # A clear while the scheduler ends the run is lost: the task is cleared, and the run stays failed.
            self.airflow.wait_for_run(self.dag_id, self.run_id, timeout=300)
            self.cleared(None)

    def state(self):
        tasks = self.airflow.task_instances(self.dag_id, self.run_id)
        return next(task["state"] for task in tasks if task["task_id"] == "call")

    def marked_failed(self, _):
        self._request("PATCH", "/taskInstances/call", {"new_state": "failed"})

    def marked_success(self, _):
        self._request("PATCH", "/taskInstances/call", {"new_state": "success"})

    def cleared(self, _):
        self.airflow.clear(self.dag_id, self.run_id, ["call"])

    def deleted(self, _):
        # Airflow deletes no run that goes on.
        self._request("PATCH", "", {"state": "failed"})
        self._request("DELETE", "")

    def signalled(self, process):
        os.kill(process.pid, signal.SIGTERM)

    def pod_ended(self, process):
        # The process that Airflow has started gets the signal, and hands it on.
        os.kill(process.parent, signal.SIGTERM)

    def _request(self, method, path, body=None):
        run = f"{self.airflow.url}/api/v2/dags/{self.dag_id}/dagRuns/{quote(self.run_id, safe='')}"
        requests.request(method, f"{run}{path}", json=body, timeout=60).raise_for_status()


def test_stops_of_every_kind_leave_nothing_behind(airflow, sandbox, call_store):
    def dialled():
        return Counter(dial.to_number for dial in sandbox.dials if dial.to_number in PEOPLE)

    def goes_on(turn, before):
        return len(run.notes("began")) > turn and len(dialled()) >= before + 25

    run, latest, dials = Stopped(airflow, sandbox, "stopped_list"), [], 0
    assert len(KINDS) <= STOPS
    for turn in range(STOPS):
        how = KINDS[turn % len(KINDS)]
        wait_until(lambda turn=turn, dials=dials: goes_on(turn, dials), 300)
        latest.append((how, run.stop(how)))
        # Calls that were claimed and not sent are released: what is open was sent.
        open_calls = [call for state in ("claimed", "unknown") for call in calls(call_store, "stopped_list", state)]
        if how != "cleared":
            assert {call.to_number for call in open_calls} <= set(dialled())
        dials = len(dialled())
        if turn == STOPS - 1:
            (airflow.home / "stopped_list.last").touch()
        run.go_on(how)
    print(latest, dials)
    assert max(seconds for _, seconds in latest) <= LATEST, latest
    assert airflow.wait_for_run("stopped_list", run.run_id, timeout=400) == "success"
    assert set(dialled().values()) == {1}
    assert set(dialled()) == PEOPLE
    assert calls(call_store, "stopped_list", "claimed") == []


def calls(call_store, dag_id, state):
    return list(call_store.calls.iterate(CallFilter(dag_id=dag_id, state=state)))


def test_a_call_that_waits_to_be_sent_again_is_released(airflow, sandbox, call_store):
    run = Stopped(airflow, sandbox, "stopped_call")
    wait_until(lambda: any(each.to_number == "+13465550133" for each in sandbox.refused))
    assert run.stop("marked_failed") <= LATEST
    assert [call.state for call in call_store.calls.iterate(CallFilter(dag_id="stopped_call"))] == ["released"]


def test_a_loop_in_a_task_of_the_users_own_stops(airflow, sandbox, call_store):
    def dialled():
        return [dial for dial in sandbox.dials if dial.to_number.startswith("+1806555")]

    run = Stopped(airflow, sandbox, "stopped_task")
    wait_until(lambda: len(dialled()) > 20)
    [process] = run.notes("began")
    at = time.time()
    run.signalled(process)
    wait_until(lambda: run.state() == "failed", 60)
    assert max(dial.at.timestamp() for dial in dialled()) <= at + LATEST
    assert {call.state for call in call_store.calls.iterate(CallFilter(dag_id="stopped_task"))} <= {
        "queued",
        "completed",
        "released",
    }
    assert "CallStoppedError" in airflow.task_log("stopped_task", run.run_id, "call")
