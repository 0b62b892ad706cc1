"""What is said of a store that cannot be used: enough to fix it, and no password and no value."""

from __future__ import annotations

import logging
import os
import pwd
import re

import pytest

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import (
    StoreError,
    StoreValueError,
)
from tests.support.race import in_processes
from tests.support.store_samples import NUMBER, claim, reason


def test_a_corrupt_file_is_said_to_be_one(tmp_path):
    (tmp_path / "voiceinfra.db").write_bytes(b"this is not a database" * 100)
    assert "not a database" in reason(f"sqlite:///{tmp_path}/voiceinfra.db")


def test_a_file_that_may_not_be_read_is_said_in_a_sentence(tmp_path, migrated_sqlite):
    path = tmp_path / "voiceinfra.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    path.chmod(0)

    def said_to_somebody_else(_: int) -> str:
        if os.geteuid() == 0:
            os.setuid(pwd.getpwnam("nobody").pw_uid)
        return reason(f"sqlite:///{path}")

    (said,) = in_processes(1, said_to_somebody_else)
    assert re.search("Permission denied|unable to open", said)


@pytest.mark.parametrize("place", ["", "x" * 300])
def test_what_is_no_file_is_said_in_a_sentence(tmp_path, place):
    reason(f"sqlite:///{tmp_path}/{place}")


def test_a_server_that_does_not_listen_is_said_in_a_sentence(tmp_path):
    assert "s3cret" not in reason(f"postgresql://me:s3cret@/db?host={tmp_path}")
    assert "refused" in reason("postgresql+psycopg://me:s3cret@127.0.0.1:1/db")


def test_a_database_that_is_not_there_is_said_in_a_sentence(postgres_url):
    assert "does not exist" in reason(postgres_url.replace("/postgres?", "/nowhere?"))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "s3cret",
        "mysql://me:s3cret@host/db",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://me:s3cret/db",
        "postgresql://me:pw@host:s3cret/db",
        # A password that holds an @, which would end in the host, the database or a parameter.
        "postgresql://me:p@s3cret@host/db",
        "postgresql://me:p@h/s3cret@host/db",
        "postgresql+psycopg2://me:p@h?s3cret@host/db",
        "postgresql://me:pw@host/db?options=s3cret@x",
        "sqlite:////tmp/x.db?password=s3cret",
        "sqlite://me:s3cret@/tmp/x.db",
        "sqlite:////tmp/s3cret%20x.db",
    ],
)
def test_what_is_no_url_of_a_store_is_refused_and_not_repeated(url):
    with pytest.raises(StoreError, match=r"\[voiceinfra\] call_store") as error:
        CallStore(url)
    assert "s3cret" not in str(error.value) + str(error.value.__cause__)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:pw@127.0.0.1:1/db?s3cret=1",
        "postgresql://me:pw@127.0.0.1:1/db?sslmode=disable&sslmode=s3cret",
        "postgresql://me:pw@127.0.0.1:1/db?prepare_threshold=s3cret",
        "postgresql://me:pw@127.0.0.1:1/db?plugin=s3cret",
    ],
)
def test_parameters_that_postgresql_does_not_know_are_refused_before_anything_is_sent(url):
    with pytest.raises(StoreError, match="has an unknown or repeated parameter after its \\?") as error:
        claim(CallStore(url))
    assert "s3cret" not in str(error.value) + str(error.value.__cause__)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:s3cret@127.0.0.1:1/db",
        "postgresql://127.0.0.1:1/db?user=me&password=s3cret",
        "postgresql+psycopg2://me:s3cret@127.0.0.1:1/db",
        "postgres://me:s3%40cret@127.0.0.1:1/db",
        "postgres://me:s3/?#[:cret@127.0.0.1:1/db",
        "postgresql://me%40host:s3%40%2F%3Fcret@127.0.0.1:1/db",
        "postgresql://me@127.0.0.1:1/db?sslpassword=s3cret&scram_client_key=s3cret&oauth_client_secret=s3cret",
    ],
)
def test_passwords_of_urls_are_never_shown(url):
    said = reason(url)
    assert "s3" not in said
    assert "127.0.0.1" in said


def test_errors_repeat_no_values_of_rows(store):
    with pytest.raises(StoreValueError) as error:
        claim(store, to_number=NUMBER, agent_id=None)
    assert NUMBER not in str(error.value)
    assert error.value.__cause__ is None


def test_the_log_of_statements_repeats_no_values(store, caplog):
    with caplog.at_level(logging.INFO, "sqlalchemy.engine"):
        claim(store)
    assert "INSERT INTO voiceinfra_call" in caplog.text
    assert NUMBER not in caplog.text


@pytest.mark.parametrize("kind", ["postgresql"])
@pytest.mark.parametrize("number", [f"{NUMBER}\0", NUMBER * 5])
def test_errors_of_postgresql_repeat_no_values_of_rows(store, number):
    with pytest.raises(StoreValueError) as error:
        claim(store, to_number=number)
    assert NUMBER not in str(error.value)
