"""A newcomer's Airflow: the DAGs of the pages, a warehouse, the sandbox."""

from __future__ import annotations

import json
import os
import sqlite3
import textwrap
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.docs.snippets import ALL, Snippet

_BY_ITSELF = """
from airflow.sdk import dag

PARAMS = {{"phone": "+14155550100", "timezone": "America/New_York", "appointment": "{tomorrow}"}}

@dag(schedule=None, params=PARAMS)
def {name}():
{code}

{name}()
"""

# The table of results, as its page makes it.
[_RESULTS] = [snippet.code for snippet in ALL if "CREATE TABLE voice_calls" in snippet.code]

# What the pages' queries read.
WAREHOUSE = f"""
{_RESULTS}
CREATE TABLE appointments (id INTEGER PRIMARY KEY, phone TEXT, name TEXT, day TEXT, tz TEXT);
CREATE TABLE tickets (call_id TEXT, appointment INTEGER);
CREATE TABLE customers (id INTEGER PRIMARY KEY, mobile TEXT, home TEXT, work TEXT);
INSERT INTO appointments VALUES (1, '+12125550100', 'Ada', date('now'), 'America/New_York');
INSERT INTO appointments VALUES (2, '+13105550100', 'Mary', date('now'), 'America/Los_Angeles');
INSERT INTO customers VALUES (1, '+12125550101', NULL, '+12125550102');
INSERT INTO voice_calls (ref, intent, seq, appointment, dag_id, outcome)
    VALUES ('vc_1', 'vc_1', 1, 1, 'remind_everybody', 'voicemail');
"""


@pytest.fixture(scope="session")
def dags_folder(tmp_path_factory) -> Path:
    """The DAGs of all pages, each in a file of its name, as a reader would save them."""
    folder = tmp_path_factory.mktemp("dags")
    for snippet in ALL:
        if snippet.dag_id and not snippet.is_test:
            (folder / f"{snippet.dag_id}.py").write_text(_file(snippet))
    return folder


def _file(snippet: Snippet) -> str:
    if "@dag" in snippet.code:
        return snippet.code
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    return _BY_ITSELF.format(name=snippet.dag_id, tomorrow=tomorrow, code=textwrap.indent(snippet.code, "    "))


@pytest.fixture
def newcomer(airflow_database, voiceinfra, dags_folder, tmp_path, monkeypatch) -> None:
    """What a reader has who has followed the pages."""
    bundle = {"classpath": "airflow.dag_processing.bundles.local.LocalDagBundle", "kwargs": {"path": str(dags_folder)}}
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([{"name": "docs", **bundle}]))
    monkeypatch.setenv("AIRFLOW_CONN_VOICEINFRA_ON_CALL", os.environ["AIRFLOW_CONN_VOICEINFRA_DEFAULT"])
    monkeypatch.setenv("AIRFLOW_VAR_ON_CALL", "+14155550100")
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "w.db")}))
    with closing(sqlite3.connect(tmp_path / "w.db")) as warehouse, warehouse:
        warehouse.executescript(WAREHOUSE)
    monkeypatch.syspath_prepend(dags_folder)
