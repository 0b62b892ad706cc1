"""What ``CallsToSqlOperator`` promises, on SQLite and on PostgreSQL, each by its provider's own hook."""

from __future__ import annotations

import json
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_voiceinfra import config
from airflow_provider_voiceinfra.store.lists.row_values import NewRow
from airflow_provider_voiceinfra.store.models import Extraction, Goal, Source
from airflow_provider_voiceinfra.store.reads import attempts
from airflow_provider_voiceinfra.transfers.calls_to_sql import CallsToSqlOperator
from airflow_provider_voiceinfra.transfers.results_table import ResultsTableError
from tests.conftest import new_database
from tests.dags import results
from tests.integration.dags.conftest import Run
from tests.support.store_samples import CALLER, NUMBER, SECRET, claim, deliver, queued

LONG_AGO = "2026-01-01"


class Warehouse:
    """The database behind the connection ``warehouse``."""

    def execute(self, sql):
        hook = BaseHook.get_hook("warehouse")
        with closing(hook.get_conn()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(sql)
            found = cursor.fetchall() if cursor.description else None
            connection.commit()
        return found

    def rows(self, table="results"):
        """A table, a dict for each row, in the order of the calls."""
        hook = BaseHook.get_hook("warehouse")
        with closing(hook.get_conn()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(f"SELECT * FROM {table} ORDER BY seq")
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.fixture(params=["sqlite", "postgres"])
def warehouse(request, tmp_path, monkeypatch):
    if request.param == "sqlite":
        connection = {"conn_type": "sqlite", "host": str(tmp_path / "warehouse.db")}
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
        yield Warehouse()
        return
    with new_database(request.getfixturevalue("postgres_url")) as url:
        parts = sa.make_url(url)
        connection = {"conn_type": "postgres", "login": parts.username, "schema": parts.database}
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection | {"host": parts.query["host"]}))
        yield Warehouse()


@pytest.fixture
def store(voiceinfra):
    return voiceinfra.store


def write(table="results", since=LONG_AGO, **fields):
    source = {} if "list_id" in fields else {"since": since}
    operator = CallsToSqlOperator(task_id="write_back", sql_conn_id="warehouse", table=table, **source, **fields)
    return operator.execute({})


def test_a_row_for_each_attempt_with_what_became_of_it(store, warehouse):
    ours = queued(store, "call-1", list_id="vl_1", variant="short")
    times = {"start_time": "2026-11-23T10:00:00Z", "end_time": "2026-11-23T11:01:30+01:00", "duration_seconds": 80}
    deliver(store, "call-1", **times)
    refused = claim(store, "other")
    store.claims.record_rejected(refused, "invalid_phone", "no number")
    assert write(metadata_columns=["appointment"]) == 2
    done, rejected = warehouse.rows()
    call = store.calls.get(ours.ref)
    assert {name: value for name, value in done.items() if not name.endswith(("_at", "_time"))} == {
        "ref": ours.ref,
        "intent": ours.ref,
        "attempt": 1,
        "seq": call.id,
        "state": "completed",
        "outcome": "answered",
        "goal": None,
        "reason": None,
        "error_code": None,
        "call_id": "call-1",
        "list_id": "vl_1",
        "variant": "short",
        "row_position": None,
        "row_key": None,
        "dag_id": "dag",
        "run_id": "run",
        "task_id": "task",
        "map_index": -1,
        "agent_id": "agent",
        "duration_seconds": 80,
        "appointment": "7",
    }
    at = {name: as_utc(done[name]) for name in done if name.endswith(("_at", "_time")) and done[name] is not None}
    assert at == {
        "claimed_at": call.claimed_at,
        "queued_at": call.queued_at,
        "completed_at": call.completed_at,
        "start_time": datetime(2026, 11, 23, 10, tzinfo=UTC),
        "end_time": datetime(2026, 11, 23, 10, 1, 30, tzinfo=UTC),
    }
    assert (rejected["state"], rejected["error_code"], rejected["outcome"]) == ("rejected", "invalid_phone", None)


def as_utc(value):
    time = datetime.fromisoformat(value) if isinstance(value, str) else value
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def test_a_rerun_or_an_overlap_replaces_and_never_doubles(store, warehouse):
    queued(store, "call-1")
    queued(store, "call-2")
    write()
    before = warehouse.rows()
    assert [row["state"] for row in before] == ["queued", "queued"]
    deliver(store, "call-2", call_outcome="voicemail")
    write()
    write(since=datetime.now(UTC))
    assert [(row["state"], row["outcome"]) for row in warehouse.rows()] == [
        ("queued", None),
        ("completed", "voicemail"),
    ]
    assert warehouse.rows()[0] == before[0]


def test_the_view_has_the_newest_attempt_at_each_call(store, warehouse):
    queued(store, "call-1", key="a", base_key="a")
    deliver(store, "call-1", call_outcome="voicemail")
    queued(store, "call-2", key="a/attempt-2", base_key="a", attempt=2)
    queued(store, "call-3", key="b", base_key="b")
    write(metadata_columns=["appointment"])
    assert [(row["call_id"], row["attempt"], row["appointment"]) for row in warehouse.rows("results_latest")] == [
        ("call-2", 2, "7"),
        ("call-3", 1, "7"),
    ]


def test_no_number_and_no_word_leaves_the_store_unless_it_is_asked_for(store, warehouse):
    queued(store, "call-1")
    deliver(store, "call-1", summary=SECRET, data={"confirmed": True, "name": "Ada"}, recording_url="https://x/1")
    write()
    write("asked", completion_fields=["summary", "transcript", "extracted", "to_number", "not_there"])
    written = str(warehouse.rows())
    for private in (NUMBER, CALLER, SECRET, "Ada", "https://x/1"):
        assert private not in written
    [row] = warehouse.rows("asked")
    assert (row["summary"], row["to_number"], row["not_there"]) == (SECRET, NUMBER, None)
    assert row["transcript"] == f"Agent: {SECRET}"
    assert json.loads(row["extracted"]) == {"confirmed": True, "name": "Ada"}


def test_what_was_said_in_a_call_is_written_once_it_is_decided(store, warehouse):
    said, silent = queued(store, "call-1"), queued(store, "call-2")
    for call_id in ("call-1", "call-2"):
        deliver(store, call_id)
    back_at = datetime(2026, 11, 24, 17, tzinfo=UTC)
    store.extractions.record({said.ref: Extraction(Goal.MISSED, back_at), silent.ref: Extraction(Goal.MET)})
    write()
    missed, met = warehouse.rows()
    assert (missed["goal"], as_utc(missed["callback_at"])) == ("missed", back_at)
    assert (met["goal"], met["callback_at"]) == ("met", None)


@pytest.mark.parametrize(("shown", "number"), [("masked", "+1415•••0100"), ("full", NUMBER)])
def test_the_number_that_was_called_is_written_masked_or_in_full_where_that_is_asked_for(
    store, warehouse, shown, number
):
    list_id = store.lists.open(Source("dag", "run", "run", "call"))
    rows = [NewRow(1, "a", NUMBER, {}, {}), NewRow(2, "b", NUMBER, {}, {}), NewRow(3, "c", "", {}, {}, "extension")]
    store.lists.add(list_id, rows, store.lists.begin_import(list_id))
    queued(store, "call-1", list_id=list_id)
    write(list_id=list_id, called_number=shown)
    assert {row["reason"]: row["called_number"] for row in warehouse.rows()} == {
        None: number,
        "duplicate_number": number,
        "extension": None,
    }


def test_metadata_of_every_kind(store, warehouse):
    kept = {"number": 7, "text": "a 'b' % ? %s", "truth": True, "parts": {"a": [1, "ü"]}, "part": 1.5, "nul": "a\0b"}
    claim(store, "with", metadata=kept)
    claim(store, "without", metadata={})
    write(metadata_columns=list(kept))
    full, empty = warehouse.rows()
    assert (full["number"], full["text"], full["part"]) == ("7", "a 'b' % ? %s", "1.5")
    assert (json.loads(full["parts"]), full["nul"]) == ({"a": [1, "ü"]}, "a\N{REPLACEMENT CHARACTER}b")
    assert full["truth"] in {"1", "true"}
    assert [empty[name] for name in kept] == [None] * len(kept)


def test_a_table_of_your_own_is_used_as_it_is(store, warehouse):
    write("made")
    columns = "ref, intent, attempt, seq, state, reason, outcome, goal, callback_at, error_code"
    of_list = "call_id, list_id, variant, row_position, row_key"
    others = f"{of_list}, dag_id, run_id, task_id, map_index, agent_id, claimed_at, queued_at, completed_at"
    warehouse.execute(
        f"CREATE TABLE results AS SELECT {columns}, {others}, start_time, end_time, duration_seconds, "
        "duration_seconds AS appointment, ref AS note FROM made"
    )
    claim(store)
    write(metadata_columns=["appointment"])
    [row] = warehouse.rows()
    assert (row["appointment"], row["note"]) == (7, None)
    with pytest.raises(Exception, match="results_latest"):
        warehouse.rows("results_latest")


def test_a_column_that_it_lacks_is_named_before_anything_is_written(store, warehouse):
    claim(store)
    write()
    with pytest.raises(
        ResultsTableError, match=r"results exists, but does not have the expected columns: .*appointment"
    ):
        write(metadata_columns=["appointment"])


def test_a_table_of_a_schema(store, warehouse):
    if BaseHook.get_hook("warehouse").conn_type == "postgres":
        warehouse.execute("CREATE SCHEMA main")
    claim(store)
    write("main.Results")
    write("main.Results")
    assert len(warehouse.rows("main.results")) == len(warehouse.rows("main.results_latest")) == 1


@pytest.mark.parametrize(
    "name", ["", "a b", "a;b", 'a"b', "a--b", "a.", ".a", "a.b.c.d", "1a", "results; DROP TABLE people", "é", None]
)
def test_a_name_that_could_be_more_than_a_name_is_refused(voiceinfra, warehouse, name):
    with pytest.raises(ResultsTableError, match="is not a valid table name"):
        write(name)


def test_nobody_reads_half_of_it(store, warehouse, monkeypatch):
    monkeypatch.setattr(attempts, "_PAGE", 2)
    for number in range(5):
        queued(store, f"call-{number}")
    write()
    for number in range(5):
        deliver(store, f"call-{number}")
    seen = []
    read = config.call_store().attempts._calls.read

    def read_and_look(ids):
        # Between the pages of the store, others see the table as it was.
        seen.append({row["state"] for row in warehouse.rows()})
        return read(ids)

    monkeypatch.setattr(config.call_store().attempts._calls, "read", read_and_look)
    assert write() == 5
    assert seen == [{"queued"}] * 3
    assert {row["state"] for row in warehouse.rows()} == {"completed"}


def test_what_fails_half_way_changes_nothing_and_repeats_no_value(store, warehouse, monkeypatch):
    monkeypatch.setattr(attempts, "_PAGE", 1)
    queued(store, "call-1")
    write(completion_fields=["summary"])
    deliver(store, "call-1", summary="a fine day")
    queued(store, "call-2")
    deliver(store, "call-2", summary=SECRET)
    checks = "CREATE TABLE strict AS SELECT * FROM results"
    if BaseHook.get_hook("warehouse").conn_type == "postgres":
        warehouse.execute(checks)
        warehouse.execute(f"ALTER TABLE strict ADD CHECK (summary <> '{SECRET}')")
    else:
        ddl = warehouse.execute("SELECT sql FROM sqlite_master WHERE name = 'results'")[0][0]
        check = f"summary TEXT CHECK (summary <> '{SECRET}')"
        warehouse.execute(ddl.replace("results", "strict").replace("summary TEXT", check))
        warehouse.execute("INSERT INTO strict SELECT * FROM results")
    before = warehouse.rows("strict")
    with pytest.raises(ResultsTableError) as raised:
        write("strict", completion_fields=["summary"])
    assert warehouse.rows("strict") == before
    said = str(raised.value)
    assert "rejected rows of strict: " in said
    assert "CheckViolation (23514)" in said or "IntegrityError (SQLITE_CONSTRAINT_CHECK)" in said
    assert SECRET not in said
    assert raised.value.__suppress_context__
    assert raised.value.__cause__ is None


def test_two_that_write_at_once_leave_one_row_each(store, warehouse):
    for number in range(20):
        queued(store, f"call-{number}")
    write()
    errors = []

    def again():
        try:
            write()
        except ResultsTableError as error:
            # As Airflow does.
            errors.append(error)
            write()

    threads = [threading.Thread(target=again) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(warehouse.rows()) == 20


def test_what_was_purged_here_stays_in_the_warehouse(store, warehouse):
    queued(store, "call-1")
    deliver(store, "call-1", summary="a fine day")
    fields = {"metadata_columns": ["appointment"], "completion_fields": ["summary"]}
    write(**fields)
    before = warehouse.rows()
    store.retention.purge(datetime.now(UTC) + timedelta(hours=1))
    assert write(**fields) == 0
    assert warehouse.rows() == before
    assert before[0]["summary"] == "a fine day"


def test_more_calls_than_a_page(store, warehouse, monkeypatch):
    monkeypatch.setattr(attempts, "_PAGE", 3)
    for number in range(10):
        claim(store, f"key-{number}")
    assert write() == 10
    assert len(warehouse.rows()) == 10


def test_a_store_without_calls_makes_the_table_all_the_same(store, warehouse):
    assert write() == 0
    assert warehouse.rows() == warehouse.rows("results_latest") == []


@pytest.fixture
def run_list(airflow_database, voiceinfra, warehouse):
    def run(dag=results.list_and_results, **fields):
        run = dag.test(**fields)
        return Run(str(run.state), run.run_id, run.dag_id)

    return run


def test_a_list_is_written_by_the_id_that_its_task_gives(run_list, voiceinfra, warehouse, capfd):
    voiceinfra.outcome(results.PEOPLE[1]["to_number"], "voicemail")
    claim(voiceinfra.store, "of nobody's list")
    assert run_list().state == "success"
    outcomes = {row["appointment"]: row["outcome"] for row in warehouse.rows()}
    assert outcomes == {"0": "answered", "1": "voicemail", "2": "answered", "3": "answered", "4": "answered"}
    assert len(warehouse.rows("changes")) == 6
    output = "".join(capfd.readouterr())
    assert "Wrote 5 rows to results." in output
    assert "+1212555" not in output


def test_rows_that_were_set_aside_are_written_with_key_position_and_reason(run_list, warehouse):
    assert run_list(results.list_with_invalid_rows).state == "success"
    rows = {row["row_position"]: row for row in warehouse.rows() if row["state"] == "set_aside"}
    assert {position: (row["reason"], row["row_key"], row["appointment"]) for position, row in rows.items()} == {
        1: ("not_a_number", "one", "a"),
        2: ("invalid_key", None, "b"),
        4: ("duplicate_key", "three", "d"),
    }
    [called] = [row for row in warehouse.rows() if row["state"] != "set_aside"]
    assert (called["state"], called["appointment"]) == ("completed", "c")
    for row in rows.values():
        assert (row["list_id"], row["ref"]) == (called["list_id"], f"{called['list_id']}/{row['row_position']}")
        assert row["outcome"] is row["call_id"] is row["claimed_at"] is None
    assert len(warehouse.rows("results_latest")) == 4


def test_rows_that_were_corrected_since_are_written_as_set_aside_no_more(store, warehouse):
    row = partial(NewRow, fields={}, metadata={})
    other = read(store, row(1, "x", "", wrong="too_short"), run="another")
    list_id = read(store, row(1, "a", "", wrong="too_short"), row(2, "b", "", wrong="extension"))
    write(list_id=other)
    assert write(list_id=list_id) == 2
    assert read(store, row(1, "a", NUMBER), row(2, "b", "", wrong="extension")) == list_id
    assert write(list_id=list_id) == 1
    assert {(row["row_key"], row["reason"]) for row in warehouse.rows()} == {("x", "too_short"), ("b", "extension")}


def read(store, *rows, run="run"):
    """Make a list, or read it again."""
    list_id = store.lists.open(Source("dag", run, run, "task", -1, 0))
    import_version = store.lists.begin_import(list_id)
    store.lists.add(list_id, rows, import_version)
    store.lists.finish_import(list_id, import_version, 0)
    return list_id


def test_the_last_good_run_is_a_cursor(run_list, voiceinfra, warehouse):
    first = run_list(logical_date=datetime(2026, 11, 1, tzinfo=UTC))
    second = run_list(logical_date=datetime(2026, 11, 2, tzinfo=UTC))
    assert (first.state, second.state) == ("success", "success")
    assert first.rendered("write_changes")["since"] == "2026-01-01"
    # By dag.test(), a run begins at its logical date.
    assert second.rendered("write_changes")["since"].startswith("2026-11-01")


@pytest.mark.parametrize("given", ["", "yesterday", "None"])
def test_a_time_that_is_none_is_told(voiceinfra, given):
    with pytest.raises(AirflowFailException, match="which is not a valid time"):
        CallsToSqlOperator(task_id="t", since=given, sql_conn_id="warehouse", table="results").execute({})


@pytest.mark.parametrize("given", ["", None])
def test_a_list_that_never_began_is_told(voiceinfra, given):
    operator = CallsToSqlOperator(task_id="t", list_id="vl_1", sql_conn_id="warehouse", table="results")
    operator.list_id = given
    with pytest.raises(AirflowFailException, match="list_id is missing"):
        operator.execute({})


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "either list_id or since"),
        ({"list_id": "vl_1", "since": LONG_AGO}, "either list_id or since"),
        ({"since": LONG_AGO, "metadata_columns": ["a b"]}, "is not a valid column name"),
        ({"since": LONG_AGO, "metadata_columns": ["x) VALUES (1); --"]}, "is not a valid column name"),
        ({"since": LONG_AGO, "metadata_columns": ["State"]}, "column 'State' would exist twice"),
        ({"since": LONG_AGO, "metadata_columns": ["a"], "completion_fields": ["a"]}, "column 'a' would exist twice"),
        ({"since": LONG_AGO, "metadata_columns": "appointment"}, "must be a list"),
    ],
)
def test_what_makes_no_sense_is_told_when_the_dag_is_parsed(fields, reason):
    with pytest.raises((TypeError, ValueError), match=reason):
        CallsToSqlOperator(task_id="write_back", sql_conn_id="warehouse", table="results", **fields)


def test_openlineage_is_told_the_table_as_other_operators_name_it(store, warehouse, request):
    operator = CallsToSqlOperator(task_id="write_back", sql_conn_id="warehouse", table="results", since=LONG_AGO)
    lineage = operator.get_openlineage_facets_on_complete(None)
    assert [(each.namespace, each.name) for each in lineage.inputs] == [("voiceinfra://calls", "completed")]
    if "postgres" in request.node.name:
        [table] = lineage.outputs
        assert table.namespace.startswith("postgres://")
        assert table.name.endswith(".public.results")
    else:
        assert not lineage.outputs
