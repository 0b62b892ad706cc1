"""``airflow voiceinfra lists …``: the rows of a call list."""

from __future__ import annotations

import argparse

from airflow_provider_voiceinfra.cli.output import echo, handle_errors
from airflow_provider_voiceinfra.config import call_store
from airflow_provider_voiceinfra.phone_numbers.e164 import mask
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.lists.list_rows import RowState

_ROW = "{:<8} {:<10} {:<20} {:<16} {:<16} {}"


@handle_errors
def show_rows(arguments: argparse.Namespace) -> None:
    """List the rows of a call list with their keys and masked numbers."""
    pages = call_store().list_pages
    if pages.get(arguments.list_id) is None:
        raise StoreError(f"There is no list {arguments.list_id}. The list's id is in its task's log and XCom.")
    states = [RowState(arguments.state)] if arguments.state else []
    echo(_ROW.format("position", "state", "result", "number", "call", "key"))
    for row in pages.rows(arguments.list_id, *states, result=arguments.result):
        number = mask(row.to_number) if row.to_number else ""
        values = (row.position, row.state, row.result or "", number, row.call_ref or "", row.key or "")
        echo(_ROW.format(*values).rstrip())
