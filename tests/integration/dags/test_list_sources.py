"""What a list makes of the tables and settings that people have, in DAGs under ``dag.test()``."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook
from airflow_provider_voiceinfra.operators import list_source
from tests.dags import call_lists
from tests.integration.dags.conftest import Run
from tests.support.data_frames import DataFrame, Scalar

HEALTHY = "+12125551000"
ADA, BOB = "+12125550101", "+12125550102"


@pytest.fixture
def run_list(airflow_database, voiceinfra):
    def run(**fields):
        dag = call_lists.make_dag(call_lists.of_rows, **fields)
        run = dag.test(logical_date=datetime.now(UTC))
        return Run(str(run.state), run.run_id, dag.dag_id)

    return run


@pytest.fixture
def warehouse(tmp_path, monkeypatch):
    """A database of two people, and a table of values that name them."""
    path = tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute('CREATE TABLE people (ID INTEGER, PHONE TEXT, "First Name" TEXT)')
        connection.executemany("INSERT INTO people VALUES (?, ?, ?)", [(1, ADA, "Ada"), (2, BOB, "Bob")])
        connection.execute("CREATE TABLE named (value)")

    def name(*values):
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executemany("INSERT INTO named VALUES (?)", [(value,) for value in values])

    return name


QUERY = {"sql": "SELECT * FROM people", "sql_conn_id": "warehouse", "column_map": {"to_number": "phone"}}


def numbers(voiceinfra):
    return sorted(dial.to_number for dial in voiceinfra.dials)


@pytest.mark.parametrize("field", ["suppress_sql", "eligible_sql"])
@pytest.mark.parametrize(("key", "value"), [(None, "12"), (None, "+12125550103 x5"), (None, b"\x01"), ("id", b"\x01")])
def test_a_suppression_that_cannot_be_read_calls_nobody_and_says_where(
    run_list, voiceinfra, warehouse, capfd, field, key, value
):
    warehouse(None, "", BOB if key is None else 2, value)
    run = run_list(**QUERY, key_column=key, **{field: "SELECT value FROM named"})
    assert run.state == "failed"
    said = "".join(capfd.readouterr())
    assert f"The value in column 'value', row 4, of {field} is invalid, so no call is placed" in said
    assert "5550103" not in said
    assert not voiceinfra.dials


def test_one_that_can_be_read_is_kept_whatever_way_it_is_written(run_list, voiceinfra, warehouse):
    warehouse(None, " ", "+1 (212) 555-0102", "+44 20 7946 0000")
    assert run_list(**QUERY, suppress_sql="SELECT value FROM named").xcom("call")["suppressed"] == 1
    assert numbers(voiceinfra) == [ADA]


def test_columns_are_the_same_in_upper_and_lower_case(run_list, voiceinfra, warehouse):
    assert run_list(**QUERY, key_column="Id", variable_columns=["first name"]).state == "success"
    assert {dial.variables["first name"] for dial in voiceinfra.dials} == {"Ada", "Bob"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sql": "SELECT phone, id, id FROM people"}, "more than one column 'id'"),
        ({"sql": 'SELECT phone, id AS "Phone" FROM people'}, "more than one column 'phone'"),
        ({"column_map": {"to_number": "phne"}}, "no column 'phne'; it has id, phone, first name. Did you mean 'phone'"),
        ({"sql": "UPDATE people SET id = 1"}, "sql returns no rows: give a single SELECT statement"),
        ({"suppress_sql": "UPDATE people SET id = 1"}, "suppress_sql returns no rows: give a single SELECT"),
        ({"sql_conn_id": "api"}, "'api' is of type 'http', which is not a database"),
        ({"sql_conn_id": "voiceinfra_default"}, "is of type 'voiceinfra', which is not a database"),
    ],
)
def test_a_source_that_cannot_be_read_is_told_in_a_sentence(
    run_list, voiceinfra, warehouse, capfd, monkeypatch, changes, says
):
    monkeypatch.setenv("AIRFLOW_CONN_API", "http://127.0.0.1:9")
    assert run_list(**QUERY | changes).state == "failed"
    assert says in "".join(capfd.readouterr())
    assert not voiceinfra.dials


def test_so_are_the_rows_of_a_dictionary_cursor(run_list, voiceinfra, warehouse, capfd, monkeypatch):
    connect = list_source._connect

    def with_dictionaries(sql_conn_id):
        connection = connect(sql_conn_id)
        connection.row_factory = lambda cursor, row: dict(
            zip([each[0] for each in cursor.description], row, strict=True)
        )
        return connection

    monkeypatch.setattr(list_source, "_connect", with_dictionaries)
    assert run_list(**QUERY).state == "failed"
    assert "returns rows as dicts, which may lose columns: remove `cursor`" in "".join(capfd.readouterr())
    assert not voiceinfra.dials


@pytest.mark.parametrize(
    ("calls", "says"),
    [
        (None, "calls must be a list of dicts, not NoneType"),
        ("[{'to_number': '+1", "calls must be a list of dicts, not str"),
        ({"to_number": ADA}, "calls must be a list of dicts, not dict"),
        ([{"to_number": ADA}, ADA], "but entry 2 is a str"),
        ([{"to_number": ADA, "TO_NUMBER": BOB}], "more than one column 'to_number'"),
    ],
)
def test_so_is_what_another_task_gives_instead_of_a_list(airflow_database, voiceinfra, capfd, calls, says):
    dag = call_lists.make_dag(call_lists.of_a_task, rows=calls)
    assert str(dag.test(logical_date=datetime.now(UTC)).state) == "failed"
    assert says in "".join(capfd.readouterr())
    assert not voiceinfra.dials


def test_a_field_that_does_not_exist_is_told_when_the_dag_is_parsed():
    with pytest.raises(ValueError, match=r"'time_zone', which does not exist. Did you mean 'timezone'"):
        call_lists.make_dag(call_lists.of_rows, calls=[], column_map={"to_number": "phone", "time_zone": "tz"})


@pytest.mark.parametrize(
    ("value", "ends"),
    [
        ("'infinity'::timestamptz", "answered"),
        ("'infinity'::date", "answered"),
        ("'9999-12-31 23:59:59+00'::timestamptz", "answered"),
        ("'12000-01-01'::timestamp", "answered"),
        ("'-infinity'::timestamptz", "set_aside"),
        ("'0044-03-15 BC'::date", "set_aside"),
        ("'1899-12-30'::date", "set_aside"),
        ("'2020-01-01'::date", "expired"),
    ],
)
def test_odd_times_of_postgresql_are_read_or_set_aside(run_list, voiceinfra, postgres_url, monkeypatch, value, ends):
    parts = sa.make_url(postgres_url)
    connection = {"conn_type": "postgres", "login": parts.username, "password": parts.password, "host": parts.host}
    connection |= {"port": parts.port, "schema": parts.database, "extra": dict(parts.query)}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    sql = f"SELECT '{HEALTHY}' AS to_number, {value} AS not_after"
    summary = run_list(sql=sql, sql_conn_id="warehouse", max_invalid_fraction=1).summary()
    assert summary == {"list_id": summary["list_id"], "rows": 1, ends: 1}
    assert len(voiceinfra.dials) == (ends == "answered")


def test_a_data_frames_own_values_are_plain_and_two_columns_of_one_name_an_error():
    columns = call_lists_columns()
    frame = DataFrame(["PHONE", "Id"], (Scalar(12125550101), Scalar(7)), (float("nan"), Scalar(8)))
    assert [set(row) for row in list_source.rows_of(frame, columns)] == [{"phone", "id"}] * 2
    with pytest.raises(list_source.InvalidCallError, match="more than one column 'phone'"):
        list(list_source.rows_of(DataFrame(["phone", "phone"]), columns))


def call_lists_columns():
    from airflow_provider_voiceinfra.lists.column_mapping import ColumnMapping

    return ColumnMapping({"to_number": "phone"}, key_column="id", are_typed=True)


SET_ASIDE = [
    {"id": "no-code", "to_number": "030 123456"},
    {"id": "anna", "to_number": "Anna"},
    {"id": "short", "to_number": "+1 212"},
    {"id": "reception", "to_number": "+12125550101 x5"},
    {"id": "", "to_number": HEALTHY},
    {"id": "good", "to_number": "+12125551001"},
    {"id": "good", "to_number": "+12125551002"},
    {"id": "2125550147", "to_number": "12"},
]


def test_rows_that_are_set_aside_are_named_with_their_reasons_and_can_be_found(run_list, voiceinfra, caplog):
    run = run_list(calls=SET_ASIDE, key_column="id", default_region="DE", max_invalid_fraction=1)
    list_id = run.xcom("call", "list_id")
    rows = list(VoiceInfraHook().iter_list_rows(list_id, state="set_aside"))
    assert [(row.position, row.key, row.result) for row in rows if row.position != 1] == [
        (2, "anna", "not_a_number"), (3, "short", "too_short"), (4, "reception", "extension"), (5, None, "invalid_key"),
        (7, "good", "duplicate_key"), (8, "2125550147", "too_short"),
    ]  # fmt: skip
    assert [row.key for row in VoiceInfraHook().iter_list_rows(list_id, result="extension")] == ["reception"]
    said = (
        "'reception' in row 4 (extension), row 5 (invalid_key), 'good' in row 7 (duplicate_key), '212•••0147' in row 8"
    )
    assert said in caplog.text
    assert f"iter_list_rows('{list_id}', state='set_aside')" in caplog.text
    assert "2125550147" not in caplog.text


def test_ten_of_many_are_named_and_default_region_is_what_they_need(run_list, voiceinfra, capfd, monkeypatch):
    connection = json.loads(os.environ["AIRFLOW_CONN_VOICEINFRA_DEFAULT"])
    connection["extra"] = {name: value for name, value in connection["extra"].items() if name != "default_region"}
    monkeypatch.setenv("AIRFLOW_CONN_VOICEINFRA_DEFAULT", json.dumps(connection))
    calls = [{"id": f"c{number}", "to_number": f"212 555 10{number}"} for number in range(10, 22)]
    assert run_list(calls=calls, key_column="id").state == "failed"
    said = "".join(capfd.readouterr())
    assert "12 no_country_code. Most numbers have no country code: set default_region" in said
    assert "'c19' in row 10 (no_country_code)." in said
    assert "'c20'" not in said
    assert not voiceinfra.dials


def test_where_all_rows_are_already_called_a_warning_says_so(run_list, voiceinfra, warehouse, caplog):
    run_list(**QUERY, key_column="id")
    assert "already_called" not in caplog.text
    assert run_list(**QUERY, key_column="id").xcom("call")["already_called"] == 2
    assert "are already_called: other lists" in caplog.text
