"""Every Python snippet of README and docs runs: DAGs by ``dag.test()``, tests by pytest, the rest as it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib import import_module

import pytest

from tests.unit.docs.snippets import ALL

PYTHON = [snippet for snippet in ALL if snippet.language == "python"]
DAGS = [snippet for snippet in PYTHON if snippet.dag_id and not snippet.is_test]
TESTS = [snippet for snippet in PYTHON if snippet.is_test]
OTHERS = [snippet for snippet in PYTHON if snippet not in (*DAGS, *TESTS)]
[CONFTEST] = [snippet for snippet in OTHERS if snippet.code.startswith("pytest_plugins")]


@pytest.mark.parametrize("snippet", DAGS, ids=str)
def test_a_dag_runs(snippet, newcomer):
    dag = getattr(import_module(snippet.dag_id), snippet.dag_id)()
    for task in dag.tasks:
        # What time it is where the tests run must not matter.
        if getattr(task, "calling_hours", None):
            task.calling_hours = None
    assert dag.test().state == "success"


@pytest.mark.parametrize("snippet", OTHERS, ids=str)
def test_code_without_a_dag_runs(snippet, newcomer):
    exec(compile(snippet.code, str(snippet), "exec"), {})


def test_tests_pass_as_a_reader_would_run_them(airflow_database, dags_folder, tmp_path):
    dags = tmp_path / "dags"
    dags.mkdir()
    shutil.copy(dags_folder / "remind_sarah.py", dags)
    (tmp_path / "conftest.py").write_text(CONFTEST.code)
    for number, snippet in enumerate(TESTS):
        (tmp_path / f"test_{number}.py").write_text(snippet.code)
    env = os.environ | {"AIRFLOW__CORE__DAGS_FOLDER": str(dags)}
    del env["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-o", "pythonpath=dags", "."],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert len(TESTS) >= 2
