"""A call store that went back to an older state: what it has forgotten, and what keeps a person from a second call."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from airflow_provider_voiceinfra.guard.errors import CallPausedError
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.feed.completed_calls import CompletionFilter
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from tests.support.call_samples import dialer, intent
from tests.support.store_samples import deliver
from tests.support.wire import queued, wire

pytestmark = pytest.mark.usefixtures("naps")
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def copy(source, target) -> None:
    """Copy an SQLite database, as `.backup` in its shell does."""
    with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(target)) as there:
        here.backup(there)


@pytest.fixture
def path(tmp_path, migrated_sqlite):
    copy(migrated_sqlite, tmp_path / "calls.db")
    return tmp_path / "calls.db"


def test_what_was_placed_since_the_backup_is_forgotten_and_a_pause_keeps_it_from_being_placed_again(path, tmp_path):
    with wire(queued, queued) as server:
        copy(path, tmp_path / "backup.db")
        with closing(CallStore(f"sqlite:///{path}")) as store:
            dialer(store, server.url).place(intent())
        copy(tmp_path / "backup.db", path)
        with closing(CallStore(f"sqlite:///{path}")) as store:
            store.pauses.pause(Scope.ALL, "", reason="restored from a backup", actor="ada")
            with pytest.raises(CallPausedError):
                dialer(store, server.url).place(intent())
            assert len(server.requests) == 1
            deliver(store, "call-1")
            wanted = CompletionFilter(placed_here=False, foreign=True)
            with store.cursors.completions("meanwhile", wanted, LONG_AGO) as completions:
                assert [said.call_id for said in completions] == ["call-1"]
