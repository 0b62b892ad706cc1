"""Every example DAG, run as a user would run it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

from airflow_provider_voiceinfra.demo.clinic import Clinic
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.delivery import Delivery
from tests.system.conftest import ROOT
from tests.unit.store.samples import body

RUN_HERE = {
    "example_first_call",
    "example_appointment_reminders",
    "example_call_list",
    "example_follow_up",
    "example_maintenance",
}


def run(airflow, dag_id, conf):
    run_id = airflow.trigger_dag(dag_id, conf=conf)
    assert airflow.wait_for_run(dag_id, run_id, timeout=120) == "success"
    return run_id


def test_every_example_is_run_here():
    assert {file.stem for file in (ROOT / "example_dags").glob("example_*.py")} == RUN_HERE


def test_the_first_call_tells_what_was_agreed(airflow, sandbox):
    sandbox.outcome("+16175550100", "answered", extracted_data={"confirmed": True})
    run_id = run(airflow, "example_first_call", {"phone": "+16175550100"})
    assert airflow.xcom("example_first_call", run_id, "read_what_was_said") is True


def test_reminders_call_each_person_once_and_write_back_how_it_ended(airflow, sandbox, tmp_path):
    clinic = Clinic(tmp_path / "warehouse.db")
    clinic.book_appointments()
    before = len(sandbox.dials)
    run(airflow, "example_appointment_reminders", {"warehouse": str(clinic.path)})
    written = clinic.appointments(after=0)
    with closing(sqlite3.connect(clinic.path)) as warehouse, warehouse:
        warehouse.execute("UPDATE appointments SET outcome = NULL, summary = NULL")
    # The warehouse has lost what was written: the same appointments are the same calls.
    run(airflow, "example_appointment_reminders", {"warehouse": str(clinic.path)})
    assert clinic.appointments(after=0) == written

    names = [dial.variables["name"] for dial in sandbox.dials[before:]]
    outcomes = {each.name: each.outcome for each in written}
    assert sorted(names) == sorted(outcomes)
    assert outcomes["Hedy Lamarr"] == "voicemail"
    assert outcomes["Mary Anning"] == "failed"
    assert list(outcomes.values()).count("answered") == 4
    assert all(each.summary for each in written)


def book(warehouse, day, people):
    with closing(sqlite3.connect(warehouse)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS appointments (id INTEGER PRIMARY KEY, phone, name, day, starts)")
        connection.execute("CREATE TABLE IF NOT EXISTS front_desk (appointment INTEGER)")
        rows = [(phone, name, day, "at ten") for name, phone in people.items()]
        connection.executemany("INSERT INTO appointments (phone, name, day, starts) VALUES (?, ?, ?, ?)", rows)


def ask(warehouse, sql):
    with closing(sqlite3.connect(warehouse)) as connection, connection:
        return connection.execute(sql).fetchall()


def test_a_list_is_written_back_and_followed_up_until_people_take_over(airflow, sandbox):
    warehouse = airflow.home / "warehouse.db"
    people = {"Ada": "(503) 555-0100", "Hedy": "503 555 0101", "Mary": "503.555.0102"}
    today = datetime.now(UTC).date()
    book(warehouse, today + timedelta(days=2), people)
    begun = len(sandbox.dials)

    def called():
        return sorted(dial.variables["name"] for dial in sandbox.dials[begun:] if "+1503555" in dial.to_number)

    run(airflow, "example_call_list", {})
    run(airflow, "example_call_list", {})
    assert called() == ["Ada", "Hedy", "Mary"]
    outcomes = """
        SELECT name, outcome FROM voice_calls_latest JOIN appointments ON id = appointment
        WHERE dag_id = 'example_call_list' ORDER BY name
    """
    assert ask(warehouse, outcomes) == [("Ada", "answered"), ("Hedy", "voicemail"), ("Mary", "failed")]

    # A day passes, on which somebody books whom no list has called.
    ask(warehouse, f"UPDATE appointments SET day = '{today + timedelta(days=1)}'")
    book(warehouse, today + timedelta(days=1), {"Zoe": "503 555 0103"})
    sandbox.outcome("+15035550101", "answered")
    run(airflow, "example_follow_up", {})
    run(airflow, "example_follow_up", {})
    assert called() == ["Ada", "Hedy", "Hedy", "Mary", "Mary"]
    left = "SELECT name FROM front_desk JOIN appointments ON id = appointment ORDER BY name"
    assert ask(warehouse, left) == [("Mary",), ("Zoe",)]


def test_maintenance_purges_what_is_old(airflow, store_url):
    store = CallStore(store_url)
    old = datetime.now(UTC) - timedelta(days=100)
    store.deliveries.keep([Delivery.read("voiceinfra_default", old, body("of_long_ago"))])
    run(airflow, "example_maintenance", {})
    assert store.calls.completion("of_long_ago").transcript is None
    store.close()
