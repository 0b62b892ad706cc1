"""Every Python snippet of README and docs runs: DAGs by ``dag.test()``, tests by pytest, the rest as it is."""

from __future__ import annotations

import base64
import hmac
import os
import shutil
import subprocess
import sys
from importlib import import_module

import pytest

from airflow_provider_voiceinfra.webhook import function
from tests.integration.docs.snippets import ALL
from tests.support.webhooks import body

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


def test_the_cloud_function_keeps_a_signed_webhook_and_no_other(voiceinfra):
    [snippet] = [each for each in OTHERS if "def handler" in each.code]
    function._parts.cache_clear()
    names = {}
    exec(compile(snippet.code, str(snippet), "exec"), names)
    secret = voiceinfra.sandbox.secret.encode()

    def send(text: bytes, headers: dict[str, str], *, encoded: bool) -> int:
        content = base64.b64encode(text) if encoded else text
        event = {"headers": headers, "body": content.decode(), "isBase64Encoded": encoded}
        return names["handler"](event, None)["statusCode"]

    for encoded in (False, True):
        text = body(f"call_{encoded}")
        signature = {"x-voiceinfra-signature": hmac.new(secret, text, "sha256").hexdigest()}
        assert send(text, {}, encoded=encoded) == 401
        assert send(text, signature, encoded=encoded) == 200
        assert voiceinfra.store.calls.completion(f"call_{encoded}").outcome == "answered"
    function._parts()[1].close()
    function._parts.cache_clear()


def test_tests_pass_as_a_reader_would_run_them(airflow_database, dags_folder, tmp_path):
    dags = tmp_path / "dags"
    dags.mkdir()
    for name in ("remind_sarah.py", "first_list.py"):
        shutil.copy(dags_folder / name, dags)
    (tmp_path / "conftest.py").write_text(CONFTEST.code)
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = dags\n")
    for number, snippet in enumerate(TESTS):
        (tmp_path / f"test_{number}.py").write_text(snippet.code)
    env = os.environ | {"AIRFLOW__CORE__DAGS_FOLDER": str(dags)}
    del env["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "."],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    assert len(TESTS) >= 3
