"""A retry that finds another call store than the first try, in another pod or another home, does not dial."""

from __future__ import annotations

import shutil

import pytest

NUMBERS = {"missing": "+12195550100", "fresh": "+12205550100"}
SAID = {"missing": "There is no call store at", "fresh": "This is not the call store that"}


@pytest.fixture(scope="module")
def runs(airflow, migrated_sqlite, tmp_path_factory):
    """A run for each other store, all at once."""
    folder = tmp_path_factory.mktemp("other")
    shutil.copy(migrated_sqlite, folder / "fresh.db")

    def trigger(kind):
        store = f"sqlite:///{folder}/{kind}.db"
        conf = {"to_number": NUMBERS[kind], "step": "after_the_permit", "store_of_retry": store}
        return airflow.trigger_dag("crashing", conf=conf)

    return {kind: trigger(kind) for kind in NUMBERS}


@pytest.mark.parametrize("kind", NUMBERS)
def test_a_retry_with_another_store_dials_nobody(airflow, sandbox, runs, kind):
    assert airflow.wait_for_run("crashing", runs[kind], timeout=300) == "failed"
    assert not [dial for dial in sandbox.dials if dial.to_number == NUMBERS[kind]]
    log = airflow.task_log("crashing", runs[kind], "call", try_number=3)
    assert "[voiceinfra] call_store" in log
    assert SAID[kind] in log
