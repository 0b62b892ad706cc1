"""What is told of a database's error holds no row."""

from __future__ import annotations

import sqlite3

import psycopg
import psycopg2
import pytest

from airflow_provider_voiceinfra.sql_errors import safe_error_message, safe_error_name

WORDS = "owes us 4711 dollars"


def sqlite():
    return sqlite3.connect(":memory:")


@pytest.fixture
def connect(postgres_url):
    """Connect as each driver does."""
    url = postgres_url.replace("+psycopg", "")
    made = {"sqlite": sqlite, "psycopg": lambda: psycopg.connect(url), "psycopg2": lambda: psycopg2.connect(url)}
    return lambda name: made[name]()


def error_of(connection, sql):
    with pytest.raises(Exception) as caught:  # noqa: PT011, PT012 - each driver has errors of its own
        cursor = connection.cursor()
        cursor.execute(sql)
        cursor.fetchall()
    connection.close()
    return caught.value


@pytest.mark.parametrize("driver", ["sqlite", "psycopg", "psycopg2"])
def test_what_is_wrong_with_the_statement_is_told(connect, driver):
    assert "nowhere" in safe_error_message(error_of(connect(driver), "SELECT * FROM nowhere"))
    assert "syntax error" in safe_error_message(error_of(connect(driver), "SELECT 1 FORM nowhere WHERE"))


@pytest.mark.parametrize(
    ("driver", "sql", "name"),
    [
        ("sqlite", f"SELECT json_extract('{{}}', '{WORDS}')", "OperationalError (SQLITE_ERROR)"),
        ("psycopg", f"SELECT x::int FROM (SELECT '{WORDS}'::text AS x) y", "InvalidTextRepresentation (22P02)"),
        ("psycopg2", f"SELECT x::int FROM (SELECT '{WORDS}'::text AS x) y", "InvalidTextRepresentation (22P02)"),
    ],
)
def test_what_is_wrong_with_a_row_is_not(connect, driver, sql, name):
    error = error_of(connect(driver), sql)
    assert WORDS in str(error)
    assert WORDS not in safe_error_message(error)
    assert safe_error_name(error) == name
    assert name in safe_error_message(error)


def test_of_an_error_that_no_database_made_its_class_is_told():
    assert safe_error_name(ValueError(WORDS)) == "ValueError"
    assert safe_error_name(OSError(5, WORDS)) == "OSError (5)"
