"""The memory that planning a list takes, in a process of its own: rows are read as they stream."""

from __future__ import annotations

import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from itertools import islice

from airflow_provider_voiceinfra.calls.dialing import Dialer
from airflow_provider_voiceinfra.lists.column_mapping import ColumnMapping
from airflow_provider_voiceinfra.lists.dry_run import dry_run
from airflow_provider_voiceinfra.lists.source_rows import CallDefaults
from airflow_provider_voiceinfra.store.call_store import CallStore
from tests.benchmarks.call_list.parts import TASK, account, number_of


def peak_of(rows: int) -> int:
    """Plan a list of so many rows; gives the most bytes of memory that were resident."""
    with tempfile.TemporaryDirectory(prefix="vi-plan-") as folder:
        with closing(sqlite3.connect(f"{folder}/warehouse.db")) as warehouse, warehouse:
            warehouse.execute("CREATE TABLE people (id INTEGER, to_number TEXT, name TEXT)")
            people = ((row, number_of(row), f"Person {row}") for row in range(rows))
            warehouse.executemany("INSERT INTO people VALUES (?, ?, ?)", people)
        command = [sys.executable, "-m", __name__, folder]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    told = json.loads(said)
    assert told["to_call"] == rows, told
    return int(told["bytes"])


def _plan(folder: str) -> None:
    store = CallStore(f"sqlite:///{folder}/voiceinfra.db")
    store.migrate()
    template, columns = (
        CallDefaults(account("http://127.0.0.1:1"), "benchmark"),
        ColumnMapping({}, ["name"], ["id"], "id"),
    )
    list_id = store.lists.open(TASK)
    import_version = store.lists.begin_import(list_id)
    with closing(sqlite3.connect(f"{folder}/warehouse.db")) as warehouse:
        cursor = warehouse.execute("SELECT id, to_number, name FROM people")
        rows = (dict(zip(("id", "to_number", "name"), row, strict=True)) for row in cursor)
        read = (template.read(position, row, columns) for position, row in enumerate(rows, 1))
        while batch := list(islice(read, 500)):
            store.lists.add(list_id, batch, import_version)
    store.lists.finish_import(list_id, import_version, 0)
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
