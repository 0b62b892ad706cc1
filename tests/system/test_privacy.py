"""What may appear where: the tables of docs/reference/data.md, cell by cell, on a real Airflow at DEBUG."""

from __future__ import annotations

import re
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from airflow_provider_voiceinfra.demo.airflow_process import Standalone
from airflow_provider_voiceinfra.sandbox import Sandbox
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.reads.call_filter import CallFilter
from tests.conftest import new_database
from tests.dags import canary
from tests.system.conftest import unpause
from tests.system.privacy import databases, places, stage, table
from tests.system.privacy.echoing import echoing
from tests.system.privacy.search import shows, shows_masked
from tests.system.web import web_of

RIGHTS = "tests.system.privacy.rights.WithoutXComs"
# What every place shows of calls: where that is missing, the test would look into nothing.
SHOWN = {
    "task logs": "{ref}",
    "other logs": "{ref}",
    "XComs": "{call_id}",
    "rendered fields": r"\u2022",
    "triggers and events": "{deferred}",
    "the rest of Airflow's database": "canary",
    "metrics": "voiceinfra.calls.placed",
    "OpenLineage": "voiceinfra_calls",
    "the Calls page, without XComs": "{ref}",
    "the Calls page": "{ref}",
    "the call store": "{ref}",
    "the call store, purged": "{ref}",
    "`calls list`, `show`, `export`": "{ref}",
    "the warehouse": "{ref}",
}
GIVEN = ("number", "first message", "context", "variables", "metadata")
WAYS = {
    "a run's `conf` or `params`": "conf",
    "the DAG's file": "file",
    "what a `DeadlineAlert` calls": "deadline",
    "XComs of your tasks": "xcom",
}


@pytest.fixture(scope="module")
def said(postgres_url, tmp_path_factory):
    """What each place says when everything has been run that the package has, and gone wrong that can."""
    home, beside = tmp_path_factory.mktemp("canary"), tmp_path_factory.mktemp("beside")
    (home / "dags").mkdir()
    (home / "dags" / "canary.py").symlink_to(stage.ROOT / "tests" / "dags" / "canary.py")
    metrics, found = stage.Metrics(), {}
    with ExitStack() as stack:
        database, store_url, warehouse = (stack.enter_context(new_database(postgres_url)) for _ in range(3))
        stage.fill_warehouse(warehouse)
        store = CallStore(store_url)
        stack.callback(store.close)
        store.migrate()
        store.do_not_call.add([canary.number(0, way="unwanted")], actor="the test", reason="asked for it")
        sandbox = stack.enter_context(Sandbox(secret=stage.SECRET, api_key=stage.KEY, delay=(0.3, 0.6), late=2.0))
        stage.say_in_every_call(sandbox)
        airflow = Standalone(home, dags_folder=home / "dags", env=stage.settings(home, metrics, database, store_url))
        sandbox.webhook_url = f"{airflow.url}/voiceinfra/webhook"
        stack.enter_context(airflow)
        databases.note_every_row(database)
        stage.connections(airflow, sandbox, stack.enter_context(echoing()), warehouse)
        run(airflow)
        [one] = store.calls.iterate(CallFilter(digits=canary.number(1)))
        [deferred] = store.calls.iterate(CallFilter(digits=canary.number(1, "64")))
        found["one"] = {"ref": one.ref, "call_id": one.call_id, "deferred": deferred.call_id}
        with web_of(SimpleNamespace(env=airflow.env | {"AIRFLOW__CORE__AUTH_MANAGER": RIGHTS}), beside) as web:
            stage.deliver_what_is_wrong(airflow.url)
            with stage.receiver(store_url, beside / "receiver.log") as alone:
                stage.deliver_what_is_wrong(alone)
            strangers = [places.every_page(web, name, store) for name in ("ada", None)]
            found["the Calls page, without XComs"] = "\n".join(strangers)
            found["the Calls page"] = places.every_page(web, "eve", store)
            assert one.ref in places.looked_for(web, "eve", one.to_number)
        [found["hidden"]] = [call.ref for call in store.calls.iterate(CallFilter(dag_id="canary_hidden"))]
        found["`calls list`, `show`, `export`"] = places.of_commands(airflow, one.ref)
        found["the call store"] = "\n".join(databases.everything(store_url).values())
        written = databases.everything(warehouse)
        found |= {"the warehouse": written["write_back"], "the warehouse, asked": written["write_asked"]}
        places.end_and_purge(store, sandbox)
        found["the call store, purged"] = "\n".join(databases.everything(store_url).values())
        found |= places.of_airflow(database, airflow.env["AIRFLOW__CORE__FERNET_KEY"])
    found |= places.of_logs(home, beside.glob("*.log"))
    found["metrics"] = "\n".join(metrics.said)
    found["OpenLineage"] = places.of_files(home.glob("lineage.json*"))
    return found


def run(airflow):
    """Run every operator, sensor, notifier and fault."""
    given = {name: canary.text(name, "conf") for name in GIVEN[1:]} | {"to_number": canary.number(0, way="conf")}
    hidden, ours = airflow.trigger_dag("canary_hidden"), airflow.trigger_dag("canary", conf=given)
    unpause(airflow, "canary_events")
    assert airflow.wait_for_run("canary_hidden", hidden, timeout=240) == "success"
    assert airflow.wait_for_run("canary", ours, timeout=600) == "failed"


@pytest.mark.parametrize(("value", "place", "cell"), list(table.cells("What appears where")))
def test_each_place_shows_what_the_page_says(said, value, place, cell):
    text = said[place]
    assert SHOWN[place].format(**said["one"]) in text
    if cell == "yes":
        assert shows(text, value, "runtime")
        return
    assert not shows(text, value, "runtime")
    if cell == "masked":
        assert shows_masked(text, "runtime")
    if cell == "asked":
        assert shows(said.get(f"{place}, asked", text), value, "asked")
    else:
        assert not any(shows(text, value, way) for way in ("asked", "unwanted") if (place, way) != DO_NOT_CALL)
        assert cell in {"masked", "never"}


# The list of those who do not want to be called is kept.
DO_NOT_CALL = ("the call store, purged", "unwanted")


@pytest.mark.parametrize(("way", "place", "cell"), list(table.cells("What you give to Airflow yourself")))
def test_airflow_shows_what_it_is_given(said, way, place, cell):
    # A notifier has no metadata.
    given = GIVEN[:-1] if WAYS[way] == "deadline" else GIVEN
    shown = [value for value in given if shows(said[place], value, WAYS[way])]
    assert shown == (list(given) if cell in {"yes", "at DEBUG"} else [])


def test_the_page_has_a_cell_for_every_value_and_every_place():
    values = {value for value, _, _ in table.cells("What appears where")}
    assert values == {*GIVEN, *stage.SAID, *stage.SECRETS}
    for heading, names in (("What appears where", SHOWN), ("What you give to Airflow yourself", WAYS)):
        assert {cell[heading == "What appears where"] for cell in table.cells(heading)} == set(names)


def test_a_call_of_a_dag_that_somebody_may_not_read_is_on_no_page_of_theirs(said):
    assert said["hidden"] not in said["the Calls page, without XComs"]
    assert said["hidden"] in said["the Calls page"]


def test_the_search_finds_what_it_looks_for_however_it_is_written():
    assert all(
        shows(each, "number", "runtime") for each in ("tel:+1(201) 555-01 00", "12015550100", "MjAxNTU1MDEwMA==")
    )
    assert not shows(re.sub("555", "•••", canary.number(0)), "number", "runtime")
