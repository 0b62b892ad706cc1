"""``airflow voiceinfra lists …``: call lists, their rows, and redials of rows that have ended."""

from __future__ import annotations

import argparse
import getpass
from typing import Any

from airflow_provider_voiceinfra.cli.output import echo, handle_errors, shown_time
from airflow_provider_voiceinfra.compat import print_rows
from airflow_provider_voiceinfra.config import call_store
from airflow_provider_voiceinfra.lists.summary import summarize
from airflow_provider_voiceinfra.phone_numbers.e164 import mask
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.lists.list_pages import CallList
from airflow_provider_voiceinfra.store.lists.list_states import ListState
from airflow_provider_voiceinfra.store.lists.row_values import RowState


@handle_errors
def list_lists(arguments: argparse.Namespace) -> None:
    """List the newest call lists."""
    print_rows([_facts(each) for each in call_store().list_pages.newest()], arguments.output)


@handle_errors
def show(arguments: argparse.Namespace) -> None:
    """Show how far a list has come: its state, and its rows by result."""
    facts = _facts(_find(arguments.list_id)) | summarize(call_store(), arguments.list_id)
    del facts["list_id"]
    done_at, not_called = call_store().forecasts.get(arguments.list_id)
    facts |= {
        "done at (UTC)": shown_time(done_at) if done_at else "",
        "will not be called": "" if not_called is None else not_called,
    }
    if arguments.output in {"json", "yaml"}:
        print_rows([facts], arguments.output)
    else:
        print_rows([{"name": name, "value": value} for name, value in facts.items()], arguments.output)


@handle_errors
def show_rows(arguments: argparse.Namespace) -> None:
    """List the rows of a list with their keys and masked numbers."""
    _find(arguments.list_id)
    states = [RowState(arguments.state)] if arguments.state else []
    rows = [
        {
            "position": row.position,
            "state": row.state,
            "result": row.result or "",
            "number": row.to_number and mask(row.to_number),
            "call": row.call_ref or "",
            "attempt": row.attempt,
            "key": row.key or "",
        }
        for row in call_store().list_pages.rows(arguments.list_id, *states, result=arguments.result)
    ]
    print_rows(rows, arguments.output)


@handle_errors
def redial(arguments: argparse.Namespace) -> None:
    """Make rows that have ended due again, as a new attempt."""
    known, redials = _find(arguments.list_id), call_store().redials
    if bool(arguments.refs) == bool(arguments.result):
        raise StoreError("Give either --result, such as --result failed, or the refs of the rows' calls: vc_…")
    if arguments.result:
        count = redials.by_result(known.id, arguments.result, actor=getpass.getuser())
        refused = set()
    else:
        redialled = redials.by_ref(known.id, arguments.refs, actor=getpass.getuser())
        count, refused = len(redialled), set(arguments.refs) - redialled
    rows = "1 row" if count == 1 else f"{count} rows"
    echo(f"Due again: {rows} of list {known.id}. {_who_dials(known) if count else ''}".rstrip())
    if refused:
        raise StoreError(
            f"These are not redialled: {', '.join(sorted(refused))}. Each must be the latest call of a row of this "
            "list that has ended as voicemail, failed, rejected or overdue."
        )


def _who_dials(known: CallList) -> str:
    index = f" of map index {known.map_index}" if known.map_index >= 0 else ""
    task = f"task {known.task_id}{index} in run {known.run_id} of DAG {known.dag_id}"
    if known.state in {ListState.DONE, ListState.FAILED}:
        return f"Its task has ended: clear {task}, so that it dials them."
    return f"Its task dials them within ten minutes. If it is no longer running, clear {task}."


def _find(list_id: str) -> CallList:
    known = call_store().list_pages.get(list_id)
    if known is None:
        raise StoreError(f"There is no list {list_id}. `airflow voiceinfra lists list` lists the newest ones.")
    return known


def _facts(known: CallList) -> dict[str, Any]:
    return {
        "list": known.id,
        "state": known.described_state,
        "dag": known.dag_id,
        "task": known.task_id if known.map_index < 0 else f"{known.task_id}[{known.map_index}]",
        "run": known.run_id,
        "since (UTC)": shown_time(known.created_at),
    }
