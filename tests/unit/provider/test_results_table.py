"""The table of results on databases that no test can start here, as the SQL that SQLAlchemy compiles for them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateTable

from airflow_provider_voiceinfra.transfers.calls_to_sql import CallsToSqlOperator
from airflow_provider_voiceinfra.transfers.results_columns import columns_for
from airflow_provider_voiceinfra.transfers.results_table import ResultsTable


def test_on_mysql_names_have_a_length_and_times_their_microseconds():
    columns = columns_for(["appointment"], ["summary"], "masked")
    table = ResultsTable(SimpleNamespace(), "analytics.results", columns).definition()
    statement = " ".join(str(CreateTable(table).compile(dialect=mysql.dialect())).split())
    assert statement.startswith("CREATE TABLE analytics.results ( ref VARCHAR(255) NOT NULL,")
    assert "goal VARCHAR(255), callback_at DATETIME(6)," in statement
    assert "called_number VARCHAR(255), appointment TEXT, summary TEXT, PRIMARY KEY (ref) )" in statement


def test_a_number_is_written_masked_or_in_full_and_in_no_other_way():
    fields = {"task_id": "write", "since": "2026-01-01", "sql_conn_id": "warehouse", "table": "results"}
    with pytest.raises(ValueError, match="called_number must be 'masked' or 'full'"):
        CallsToSqlOperator(**fields, called_number="hashed")
    with pytest.raises(ValueError, match="'called_number' would exist twice"):
        CallsToSqlOperator(**fields, called_number="full", metadata_columns=["called_number"])
