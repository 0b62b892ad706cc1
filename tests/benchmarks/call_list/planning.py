"""The memory that planning a list takes, in a process of its own: rows are read as they stream."""

from __future__ import annotations

import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing

from airflow_provider_voiceinfra.calls.dialing import Dialer
from airflow_provider_voiceinfra.lists.dry_run import dry_run
from airflow_provider_voiceinfra.store.call_store import CallStore
from tests.benchmarks.call_list.lists import TASK, TEAM


def peak_of(rows: int) -> int:
    """Plan a team's list of so many rows; gives the most bytes of memory that were resident."""
    with tempfile.TemporaryDirectory(prefix="vi-plan-") as folder:
        with closing(sqlite3.connect(f"{folder}/warehouse.db")) as warehouse, warehouse:
            warehouse.execute("CREATE TABLE people (id INTEGER, mobile TEXT, home TEXT, name TEXT, urgency INTEGER)")
            people = map(TEAM.person, range(rows))
            warehouse.executemany("INSERT INTO people VALUES (:id, :mobile, :home, :name, :urgency)", people)
        command = [sys.executable, "-m", __name__, folder]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    told = json.loads(said)
    assert told["to_call"] == rows, told
    return int(told["bytes"])


def _plan(folder: str) -> None:
    store = CallStore(f"sqlite:///{folder}/voiceinfra.db")
    store.migrate()
    template = TEAM.defaults(TEAM.account("http://127.0.0.1:1"))
    with closing(sqlite3.connect(f"{folder}/warehouse.db")) as warehouse:
        warehouse.row_factory = sqlite3.Row
        rows = (dict(row) for row in warehouse.execute("SELECT * FROM people"))
        list_id = TEAM.read(store, template, rows)
    found = dry_run(
        store,
        Dialer(store, template.account),
        store.list_rows.pending(list_id, 500),
        lambda row: template.intent(list_id, row, TASK),
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"to_call": found.summary()["to_call"], "bytes": peak}))


if __name__ == "__main__":
    _plan(sys.argv[1])
