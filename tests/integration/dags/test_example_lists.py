"""The example DAGs of a clinic and of a sales team, as days pass."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_voiceinfra.store.guard.pauses import Scope
from example_dags.example_clinic import example_clinic
from example_dags.example_sales import example_sales

pytestmark = pytest.mark.usefixtures("airflow_database")


@pytest.fixture
def ask(tmp_path, monkeypatch):
    """Ask the warehouse."""
    path = tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))

    def ask(sql, *rows):
        with closing(sqlite3.connect(path)) as warehouse, warehouse:
            return (warehouse.executemany(sql, rows) if rows else warehouse.execute(sql)).fetchall()

    return ask


def test_a_clinic_reaches_its_patients_by_the_number_and_at_the_time_that_suit_them(voiceinfra, ask):
    day = datetime.now(UTC).date() + timedelta(days=2)
    ask("CREATE TABLE patients (id INTEGER, mobile, home, name, day, starts)")
    ask(
        "INSERT INTO patients VALUES (?, ?, ?, ?, ?, 'at ten')",
        (1, "+12125550210", None, "Ada", day),
        (2, "+12125550220", "+12125550221", "Hedy", day),
        (3, "+12125550230", None, "Mary", day),
        (4, "+12125550240", None, "Rosalind", day),
        (5, "not known", None, "Zoe", day + timedelta(days=1)),
    )
    at = voiceinfra.now + timedelta(hours=5)
    voiceinfra.outcome("+12125550210", "answered", extracted_data={"confirmed": True})
    voiceinfra.outcome("+12125550220", "failed")
    voiceinfra.outcome("+12125550221", "answered", extracted_data={"confirmed": True})
    voiceinfra.outcome("+12125550230", "answered", extracted_data={"confirmed": False})
    voiceinfra.outcome("+12125550240", "answered", extracted_data={"call_back_at": at.isoformat()})
    assert example_clinic().test().state == "success"
    dials = [(dial.to_number[-3:], dial.first_message) for dial in voiceinfra.dials]
    assert sorted(number for number, _ in dials) == ["210", "220", "221", "230", "240", "240"]
    assert dials[0][1] == "Hello Ada, this is the clinic. Can you still come at ten?"
    assert voiceinfra.now >= at
    written = dict(ask("SELECT appointment, outcome FROM reminders_latest"))
    assert {int(appointment): outcome for appointment, outcome in written.items()} == dict.fromkeys(
        range(1, 5), "answered"
    )


def test_a_sales_team_calls_the_best_leads_first_and_listens_before_the_rest(voiceinfra, ask, meanwhile):
    ask("CREATE TABLE leads (id INTEGER, phone, name, score, status)")
    ask("CREATE TABLE customers (lead)")
    ask("INSERT INTO leads VALUES (?, ?, ?, ?, 'new')", *[(n, f"+1212555{n:04}", f"Lead {n}", n) for n in range(40)])

    def is_paused():
        return [pause for pause in voiceinfra.store.pauses.in_force() if pause.scope is Scope.LIST]

    def look_at_the_pilot():
        [pause] = is_paused()
        called.append([int(dial.to_number[-4:]) for dial in voiceinfra.dials])
        voiceinfra.store.pauses.resume(Scope.LIST, pause.name, actor="ada")

    called = []
    meanwhile(is_paused, look_at_the_pilot)
    assert example_sales().test().state == "success"
    [pilot] = called
    assert sorted(pilot) == list(range(15, 40))
    assert len(voiceinfra.dials) == 40
    lines = {dial.first_message.partition(",")[2] for dial in voiceinfra.dials}
    assert lines == {" have you a minute?", " this is Example Solar. You asked for an offer."}
    assert ask("SELECT count(*) FROM sales_calls") == [(40,)]
