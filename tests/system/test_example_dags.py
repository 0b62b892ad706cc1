"""Every example DAG, run as a user would run it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler

from airflow_provider_voiceinfra.demo.clinic import Clinic
from airflow_provider_voiceinfra.store import clock
from airflow_provider_voiceinfra.store.call_store import CallStore
from tests.serving import serving
from tests.support.store_samples import deliver, queued
from tests.system.conftest import ON_CALL, ROOT, wait_until

RUN_HERE = {
    "example_first_call",
    "example_appointment_reminders",
    "example_call_list",
    "example_clinic",
    "example_sales",
    "example_follow_up",
    "example_maintenance",
    "example_call_events",
    "example_on_call",
    "example_recordings",
    "example_outbound_call_decorator",
    "example_webhooks_stopped",
}


def run(airflow, dag_id, conf):
    run_id = airflow.trigger_dag(dag_id, conf=conf)
    assert airflow.wait_for_run(dag_id, run_id, timeout=300) == "success"
    return run_id


def test_every_example_is_run_here():
    assert {file.stem for file in (ROOT / "example_dags").glob("example_*.py")} == RUN_HERE


def test_the_first_call_tells_what_was_agreed(airflow, sandbox):
    sandbox.outcome("+16175550100", "answered", extracted_data={"confirmed": True})
    run_id = run(airflow, "example_first_call", {"phone": "+16175550100"})
    assert airflow.xcom("example_first_call", run_id, "is_confirmed") is True


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


def test_a_clinic_and_a_sales_team_call_their_lists(airflow, sandbox):
    warehouse, day = airflow.home / "warehouse.db", datetime.now(UTC).date() + timedelta(days=2)
    ask(warehouse, "CREATE TABLE patients (id INTEGER, mobile, home, name, day, starts)")
    ask(warehouse, f"INSERT INTO patients VALUES (1, '503 555 0211', '503 555 0212', 'Ada', '{day}', 'at ten')")
    sandbox.outcome("+15035550211", "answered", extracted_data={"confirmed": True})
    ask(warehouse, "CREATE TABLE leads (id INTEGER, phone, name, score, status)")
    ask(warehouse, "CREATE TABLE customers (lead)")
    ask(warehouse, "INSERT INTO leads VALUES (1, '503 555 0213', 'Zoe', 7, 'new')")
    run(airflow, "example_clinic", {})
    run(airflow, "example_sales", {})
    assert ask(warehouse, "SELECT appointment, outcome FROM reminders") == [("1", "answered")]
    assert ask(warehouse, "SELECT lead, outcome FROM sales_calls") == [("1", "answered")]
    [dial] = [dial for dial in sandbox.dials if dial.to_number == "+15035550213"]
    assert dial.first_message.startswith("Hello Zoe, ")


def test_maintenance_purges_what_is_old(airflow, store_url):
    store = CallStore(store_url)
    with clock.shift(timedelta(days=-100)):
        queued(store, "of_long_ago")
        deliver(store, "of_long_ago")
    assert store.calls.completion("of_long_ago").transcript
    run(airflow, "example_maintenance", {})
    assert store.calls.completion("of_long_ago").transcript is None
    store.close()


def pause(airflow, dag_id):
    airflow._api.call("PATCH", f"api/v2/dags/{dag_id}", json={"is_paused": True})


def test_a_call_that_ends_opens_a_ticket_for_who_wants_a_person(airflow, call_store):
    warehouse = airflow.home / "warehouse.db"
    ask(warehouse, "CREATE TABLE tickets (call_id TEXT, appointment INTEGER)")
    run(airflow, "example_call_events", {})
    for call_id, wants in (("wants", True), ("wants_not", False)):
        queued(call_store, call_id, metadata={"appointment": 7})
        deliver(call_store, call_id, extracted_data={"wants_a_person": wants})
    # By its event: nobody starts it.
    wait_until(lambda: ask(warehouse, "SELECT * FROM tickets WHERE call_id = 'wants'"), 600)
    run(airflow, "example_call_events", {})
    pause(airflow, "example_call_events")
    tickets = ask(warehouse, "SELECT * FROM tickets WHERE call_id IN ('wants', 'wants_not')")
    assert tickets == [("wants", 7)]


def test_a_function_says_whom_to_call(airflow, sandbox):
    sandbox.outcome("+16175550101", "answered", extracted_data={"cancel": True})
    order = {"id": 1, "phone": "617 555 0101", "name": "Ada", "late_days": 1}
    run_id = run(airflow, "example_outbound_call_decorator", {"order": order})
    [dial] = [dial for dial in sandbox.dials if dial.to_number == "+16175550101"]
    assert "Hello Ada, your order will come a day later" in dial.first_message
    assert airflow.xcom("example_outbound_call_decorator", run_id, "is_cancelled") is True


def test_the_person_on_call_is_phoned_once_for_a_run_that_fails(airflow, sandbox):
    for fails, state in ((False, "success"), (True, "failed")):
        run_id = airflow.trigger_dag("example_on_call", conf={"fails": fails})
        assert airflow.wait_for_run("example_on_call", run_id, timeout=300) == state
    [dial] = [dial for dial in sandbox.dials if dial.to_number == ON_CALL]
    assert dial.first_message.startswith("example_on_call has failed at load")


def test_recordings_are_copied(airflow, call_store, tmp_path):
    with serving_files({"/one.mp3": b"voice"}) as url:
        inside = f"http://localhost:{url.rpartition(':')[2]}/one.mp3"
        for call_id, link in (("one", f"{url}/one.mp3"), ("gone", f"{url}/gone.mp3"), ("elsewhere", inside)):
            queued(call_store, f"recorded_{call_id}", agent_id="recorder")
            deliver(call_store, f"recorded_{call_id}", recording_url=link)
        conf = {"folder": f"file://{tmp_path}/recordings", "agent_id": "recorder", "within": f"{url}/"}
        # Not by the scheduler: at the full hour that would begin a run for all agents, which takes the same calls.
        command = ["-m", "airflow", "dags", "test", "example_recordings", "--conf", json.dumps(conf)]
        subprocess.run([sys.executable, *command], env=airflow.env, check=True, timeout=120)
    ref = call_store.calls.get("recorded_one").ref
    assert {path.name: path.read_bytes() for path in (tmp_path / "recordings").iterdir()} == {f"{ref}.mp3": b"voice"}
    [run] = airflow._api.call("GET", "api/v2/dags/example_recordings/dagRuns")["dag_runs"]
    assert airflow.xcom("example_recordings", run["dag_run_id"], "copy") == {"copied": 1, "gone": 1, "elsewhere": 1}


def test_webhooks_that_have_stopped_are_told(airflow, call_store):
    run(airflow, "example_webhooks_stopped", {})
    pause(airflow, "example_webhooks_stopped")


def serving_files(files):
    """Serve some files, as VoiceInfra serves recordings."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            content = files.get(self.path)
            self.send_response(404 if content is None else 200)
            self.end_headers()
            self.wfile.write(content or b"")

    return serving(Handler)
