"""The store is found, never made, by a task; and what is wrong with it is said so that a person can fix it."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import (
    StoreError,
    StoreMissingError,
    StoreVersionError,
)
from tests.support.race import in_processes, in_threads
from tests.support.store_samples import claim, claim_request, reason, tables_at


def test_where_no_store_is_none_is_made(empty_store_url, kind, tmp_path):
    assert "store migrate" in reason(empty_store_url, StoreMissingError)
    if kind == "sqlite":
        assert list(tmp_path.iterdir()) == []
    else:
        assert tables_at(empty_store_url) == []


def test_a_folder_that_is_not_there_is_not_made(tmp_path):
    reason(f"sqlite:///{tmp_path}/not/there/voiceinfra.db", StoreMissingError)
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_tables_is_no_store(tmp_path):
    (tmp_path / "voiceinfra.db").touch()
    reason(f"sqlite:///{tmp_path}/voiceinfra.db", StoreMissingError)
    assert (tmp_path / "voiceinfra.db").stat().st_size == 0


def test_a_version_table_without_a_version_is_no_store(store, store_url):
    with store.database.write() as tx:
        tx.execute(sa.text(f"DELETE FROM {schema.VERSION_TABLE}"))
    reason(store_url, StoreMissingError)


@pytest.mark.parametrize(
    ("version", "remedy"), [("0000", "is older .* store migrate"), ("9999", "is newer .* Upgrade")]
)
def test_a_store_of_another_version_is_not_used(store, store_url, version, remedy):
    with store.database.write() as tx:
        tx.execute(sa.text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '{version}'"))
    with pytest.raises(StoreVersionError, match=remedy):
        CallStore(store_url).claims.take(claim_request())
    reason(store_url, StoreVersionError)


def test_a_file_that_goes_away_is_not_made_anew(tmp_path, migrated_sqlite):
    path = tmp_path / "voiceinfra.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    store = CallStore(f"sqlite:///{path}")
    store.check()
    store.close()
    path.unlink()
    with pytest.raises(StoreMissingError):
        claim(store)
    assert not path.exists()


def test_a_file_that_goes_away_while_the_store_is_open_is_not_made_anew(tmp_path, migrated_sqlite):
    path = tmp_path / "voiceinfra.db"
    path.write_bytes(migrated_sqlite.read_bytes())
    store = CallStore(f"sqlite:///{path}")
    store.check()
    # No connection is open at the moment, as in a process that has waited.
    store.database.engine.dispose()
    path.unlink()
    with pytest.raises(StoreError, match=r"\[voiceinfra\] call_store"):
        claim(store)
    assert not path.exists()
    store.close()


def test_nothing_is_opened_before_it_is_used():
    CallStore("sqlite:////nowhere/at/all.db")
    CallStore("postgresql://127.0.0.1:1/db")


def test_first_use_by_many_threads_at_once(open_store):
    fresh = open_store()
    in_threads(*[fresh.check] * 6)


@pytest.mark.parametrize("used_before", [False, True])
def test_usable_on_both_sides_of_a_fork(store, used_before):
    if used_before:
        in_threads(*[store.check] * 3)
    refs = in_processes(3, lambda number: claim(store, f"child-{number}").ref)
    claim(store, "parent")
    assert all(store.calls.get(ref) for ref in refs)


def test_a_store_that_was_away_is_used_when_it_is_back(tmp_path, migrated_sqlite):
    path = tmp_path / "voiceinfra.db"
    store = CallStore(f"sqlite:///{path}")
    with pytest.raises(StoreMissingError):
        store.check()
    path.write_bytes(migrated_sqlite.read_bytes())
    claim(store)
    store.close()
