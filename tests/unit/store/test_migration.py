"""``migrate`` makes the store, and is safe to run again, by anybody, at any time."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from airflow_provider_voiceinfra.store import migrations, schema, sqlite
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import StoreError
from tests.support.race import in_processes, in_threads
from tests.support.store_samples import claim, rows, tables_at


@pytest.fixture
def new_store(empty_store_url):
    store = CallStore(empty_store_url)
    yield store
    store.close()


def test_makes_a_store_that_can_be_used(new_store):
    new_store.migrate()
    claim(new_store)


def test_migrating_again_changes_nothing(new_store):
    new_store.migrate()
    ours = claim(new_store)
    before = rows(new_store, schema.store)
    new_store.migrate()
    assert rows(new_store, schema.store) == before
    assert new_store.calls.get(ours.ref)


def test_several_processes_may_migrate_at_once(new_store, empty_store_url):
    def migrate(_: int) -> str:
        CallStore(empty_store_url).migrate()
        return "done"

    assert in_processes(4, migrate) == ["done"] * 4
    assert len(rows(new_store, schema.store)) == 1


def test_several_threads_may_migrate_at_once(new_store):
    in_threads(*[new_store.migrate] * 3)
    assert len(rows(new_store, schema.store)) == 1


def test_a_file_that_somebody_else_writes_at_the_moment_is_waited_for(tmp_path, monkeypatch):
    path = tmp_path / "voiceinfra.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("CREATE TABLE other (id)")
        writer.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(sqlite.time, "sleep", lambda _: writer.execute("ROLLBACK"))
        store = CallStore(f"sqlite:///{path}")
        store.migrate()
        store.check()
    store.close()


def test_the_schema_that_is_read_is_the_newest_migrations():
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [schema.SCHEMA_VERSION]


def test_a_migration_that_breaks_off_leaves_nothing(new_store, empty_store_url, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(migrations.secrets, "token_hex", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            new_store.migrate()
    assert tables_at(empty_store_url) == []
    new_store.migrate()


def test_a_newer_store_is_left_alone(store):
    with store.database.write() as tx:
        tx.execute(sa.text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"newer.*\[voiceinfra\] call_store|\[voiceinfra\] call_store.*newer"):
        store.migrate()


def test_makes_a_file_of_any_name_for_readers_beside_a_writer(tmp_path):
    path = tmp_path / "50% of #1.db"
    store = CallStore(f"sqlite:///{path}")
    store.migrate()
    store.check()
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()


def test_a_folder_that_is_not_there_is_not_made(tmp_path):
    store = CallStore(f"sqlite:///{tmp_path}/unmounted/voiceinfra.db")
    with pytest.raises(StoreError, match="check that its disk is mounted"):
        store.migrate()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["corrupt", "a folder", "below a file", "a long name"])
def test_what_cannot_be_migrated_is_said_in_a_sentence(tmp_path, place):
    path = tmp_path / "voiceinfra.db"
    if place == "a folder":
        path.mkdir()
    else:
        path.write_bytes(b"this is not a database" * 100)
    path = {"below a file": path / "deep" / "er.db", "a long name": tmp_path / ("x" * 300)}.get(place, path)
    with pytest.raises(StoreError, match=r"\[voiceinfra\] call_store"):
        CallStore(f"sqlite:///{path}").migrate()
