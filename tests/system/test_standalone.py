"""A real Airflow can be started, used and ended, and leaves no process behind, however its caller ends."""

from __future__ import annotations

import socket

import psutil
import pytest
import requests

from airflow_provider_voiceinfra.demo.airflow_api import AirflowError
from airflow_provider_voiceinfra.demo.airflow_process import Standalone
from tests.support.processes import wait_until_gone

DAG = """
from datetime import timedelta

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import BaseOperator, dag, task


class Nap(BaseOperator):
    def execute(self, context):
        self.defer(trigger=TimeDeltaTrigger(timedelta(seconds=1)), method_name="wake")

    def wake(self, context, event=None):
        return "awake"


@dag(schedule=None, is_paused_upon_creation=True)
def trivial():
    @task
    def greet(params=None, dag_run=None):
        print("good morning")
        return {"who": dag_run.conf["who"], "numbers": [1, 2]}

    @task
    def double(number):
        return 2 * number

    greet() >> Nap(task_id="nap")
    double.expand(number=[1, 2])


trivial()
"""


@pytest.fixture
def dags(tmp_path):
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "trivial.py").write_text(DAG)
    return folder


def test_airflow_runs_a_dag_through_the_triggerer_and_ends_whole(tmp_path, dags, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "of the caller's shell")
    before = set(psutil.Process().children())
    with Standalone(tmp_path / "home", dags_folder=dags) as airflow:
        reaper_process = next(iter(set(psutil.Process().children()) - before))
        run_id = airflow.trigger_dag("trivial", conf={"who": "Ada"})
        assert airflow.wait_for_run("trivial", run_id, timeout=300) == "success"

        assert airflow.xcom("trivial", run_id, "greet") == {"who": "Ada", "numbers": [1, 2]}
        assert airflow.xcom("trivial", run_id, "double", map_index=1) == 4
        assert airflow.xcom("trivial", run_id, "nap") == "awake"
        assert "good morning" in airflow.task_log("trivial", run_id, "greet")
        assert {(each["task_id"], each["map_index"]) for each in airflow.task_instances("trivial", run_id)} == {
            ("greet", -1),
            ("nap", -1),
            ("double", 0),
            ("double", 1),
        }

        airflow.clear("trivial", run_id, ["greet"])
        again = airflow.wait_for_task("trivial", run_id, "greet", states={"success"}, timeout=300)
        assert again["try_number"] == 2

        everything = [reaper_process, *reaper_process.children(recursive=True)]
        assert len(everything) > 5

    assert wait_until_gone(everything, timeout=0) == []
    with pytest.raises(requests.ConnectionError):
        airflow.health()
    airflow.stop()


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("AIRFLOW__CORE__EXECUTOR", "no_such_module.Executor", "No module named 'no_such_module'"),
        ("AIRFLOW__TRIGGERER__CAPACITY", "many", "many"),
    ],
    ids=["standalone itself", "one part of it"],
)
def test_an_airflow_that_cannot_start_says_why_and_is_gone(tmp_path, dags, setting, value, reason):
    before = set(psutil.Process().children())
    airflow = Standalone(tmp_path / "home", dags_folder=dags, env={setting: value})
    with pytest.raises(AirflowError, match=rf"(?s)exited during its start.*standalone\.log.*{reason}"):
        airflow.start()
    assert set(psutil.Process().children()) == before


def test_a_port_in_use_is_named_before_anything_is_started(tmp_path, dags):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(AirflowError, match=f"Port {port} is in use"):
            Standalone(tmp_path / "home", dags_folder=dags, port=port).start()
    assert not (tmp_path / "home").exists()
