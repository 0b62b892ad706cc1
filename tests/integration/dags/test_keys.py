"""One key, one call: however the host is written, whatever a key is made of, and in either of Unicode's forms."""

from __future__ import annotations

import json
import os
import sqlite3
import unicodedata
from contextlib import closing
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from airflow_provider_voiceinfra.calls import account
from airflow_provider_voiceinfra.calls.redial import Redial
from airflow_provider_voiceinfra.hooks import voiceinfra as hook_module
from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook
from airflow_provider_voiceinfra.sandbox import Sandbox
from airflow_provider_voiceinfra.store.models import Realm
from tests.dags import call_lists, one_call
from tests.integration.dags.conftest import Run

DAY = datetime(2026, 11, 24, tzinfo=UTC)
NUMBER, OTHER = "+12125551000", "+12125551001"
OLD = "old.voiceinfra.ai"


@pytest.fixture
def run_list(airflow_database, voiceinfra):
    def run(dag_id="", when=None, **fields):
        dag = call_lists.make_dag(call_lists.of_rows, dag_id, **fields)
        run = dag.test(logical_date=when or datetime.now(UTC))
        return Run(str(run.state), run.run_id, dag.dag_id)

    return run


@pytest.fixture
def lead_to(monkeypatch):
    """Let the connection lead to a sandbox, written in some way."""
    monkeypatch.setattr(hook_module, "base_url", account.base_url)

    def lead(sandbox, spelling):
        host = spelling.format(port=urlsplit(sandbox.url).port)
        connection = json.loads(os.environ["AIRFLOW_CONN_VOICEINFRA_DEFAULT"]) | {"host": host}
        monkeypatch.setenv("AIRFLOW_CONN_VOICEINFRA_DEFAULT", json.dumps(connection))

    return lead


SPELLINGS = (
    "http://127.0.0.1:{port}/v1",
    "http://localhost:{port}/v1",
    "HTTP://LOCALHOST:0{port}/v1/",
    "http://[::ffff:127.0.0.1]:{port}/v1",
    "http://127.8.9.1:{port}/v1",
)


def test_however_the_sandboxs_host_is_written_and_on_whatever_port_a_key_dials_once(
    airflow_database, voiceinfra, lead_to
):
    with Sandbox() as restarted:
        for sandbox in (voiceinfra.sandbox, restarted):
            for spelling in SPELLINGS:
                lead_to(sandbox, spelling)
                VoiceInfraHook().place_call(idempotency_key="reminder-7", to_number=NUMBER)
                run = one_call.make_dag(one_call.plain, to_number=OTHER).test(logical_date=DAY)
                assert run.state == "success"
        assert sorted(dial.to_number for dial in voiceinfra.dials) == [NUMBER, OTHER]
        assert restarted.dials == []


def test_a_task_whose_call_was_placed_at_another_host_fails_and_names_both(airflow_database, voiceinfra, capfd, caplog):
    def run():
        return one_call.make_dag(one_call.deferring, to_number=NUMBER).test(logical_date=DAY).state

    assert run() == "success"
    voiceinfra.store.hosts.rename("localhost", OLD, realm=Realm.SANDBOX, actor="test")
    assert run() == "failed"
    output = "".join(capfd.readouterr()) + caplog.text
    assert f"belongs to the host {OLD}, and this connection's host is localhost" in output
    assert f"airflow voiceinfra store rename-host {OLD} localhost" in output
    voiceinfra.store.hosts.rename(OLD, "localhost", realm=Realm.SANDBOX, actor="test")
    assert run() == "success"
    assert len(voiceinfra.dials) == 1


def test_a_list_stops_at_a_row_that_was_called_at_another_host_and_goes_on_after_the_rename(
    run_list, voiceinfra, capfd, caplog
):
    rows = [{"to_number": f"+1212555{1000 + number}", "id": number} for number in range(30)]
    wanted = {"key_column": "id", "key_prefix": "reminder", "max_in_flight": 1}
    run_list(calls=rows[:1], **wanted)
    voiceinfra.store.hosts.rename("localhost", OLD, realm=Realm.SANDBOX, actor="test")
    assert run_list(calls=rows, **wanted, dry_run=True).xcom("call")["conflict"] == 1
    run = run_list(when=DAY, calls=rows, **wanted)
    assert (run.state, len(voiceinfra.dials)) == ("failed", 1)
    output = "".join(capfd.readouterr()) + caplog.text
    assert f"belongs to the host {OLD}" in output
    assert "The list stops here; its other rows were not dialled." in output
    voiceinfra.store.hosts.rename(OLD, "localhost", realm=Realm.SANDBOX, actor="test")
    summary = run_list(when=DAY, calls=rows, **wanted).xcom("call")
    assert (summary["already_called"], summary["answered"]) == (1, 29)
    assert len(voiceinfra.dials) == 30


def test_keys_that_look_like_attempts_of_others_are_called_and_redialled_all_the_same(run_list, voiceinfra):
    keys = ("x", "x/attempt-2", "x/clear-1", "x%2Fattempt-2", "x/attempt-2/attempt-2")
    rows = [{"to_number": f"+1212555{1000 + number}", "id": key} for number, key in enumerate(keys)]
    for row in rows:
        voiceinfra.outcome(row["to_number"], "voicemail")
    again = Redial(attempts=3, wait=timedelta(0))
    run = run_list(calls=rows, key_column="id", redial=again)
    assert (run.state, run.xcom("call")["voicemail"]) == ("success", len(keys))
    assert len(voiceinfra.dials) == 3 * len(keys)


def test_two_dags_whose_names_only_look_alike_do_not_share_their_keys(airflow_database, voiceinfra):
    for dag in (call_lists.clinic_eu_dag, call_lists.clinic_dag):
        for _ in range(2):
            assert dag.test(logical_date=datetime.now(UTC)).state == "success"
    assert len(voiceinfra.dials) == 2


def test_a_key_is_the_same_in_either_of_unicodes_forms_in_rows_and_in_the_queries_that_suppress_them(
    run_list, voiceinfra, tmp_path, monkeypatch
):
    path = tmp_path / "warehouse.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE suppressed (id TEXT)")
        connection.execute("INSERT INTO suppressed VALUES (?)", (unicodedata.normalize("NFD", "Zoé"),))
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    wanted = {"key_column": "id", "key_prefix": "café", "sql_conn_id": "warehouse"}
    rows = [
        {"to_number": NUMBER, "id": unicodedata.normalize("NFC", "Zoé")},
        {"to_number": OTHER, "id": unicodedata.normalize("NFC", "Ağustos")},
    ]
    first = run_list(calls=rows, suppress_sql="SELECT id FROM suppressed", **wanted).xcom("call")
    assert (first["suppressed"], first["answered"]) == (1, 1)
    decomposed = [row | {"id": unicodedata.normalize("NFD", row["id"])} for row in rows]
    wanted["key_prefix"] = unicodedata.normalize("NFD", "café")
    second = run_list(calls=decomposed, eligible_sql="SELECT 'Ağustos'", **wanted).xcom("call")
    assert (second["not_eligible"], second["already_called"]) == (1, 1)
    assert [dial.to_number for dial in voiceinfra.dials] == [OTHER]
