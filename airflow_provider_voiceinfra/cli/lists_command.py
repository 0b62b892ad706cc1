"""``airflow voiceinfra lists …``: the rows of a call list."""

from __future__ import annotations

import argparse

from airflow_provider_voiceinfra.cli.output import echo_table, handle_errors
from airflow_provider_voiceinfra.config import call_store
from airflow_provider_voiceinfra.phone_numbers.e164 import mask
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.lists.list_rows import RowState

_COLUMNS = {"position": 8, "state": 10, "result": 20, "number": 16, "call": 16, "key": 0}


@handle_errors
def show_rows(arguments: argparse.Namespace) -> None:
    """List the rows of a call list with their keys and masked numbers."""
    pages = call_store().list_pages
    if pages.get(arguments.list_id) is None:
        raise StoreError(f"There is no list {arguments.list_id}. The list's id is in its task's log and XCom.")
    states = [RowState(arguments.state)] if arguments.state else []
    rows = (
        (
            row.position,
            row.state,
            row.result or "",
            row.to_number and mask(row.to_number),
            row.call_ref or "",
            row.key or "",
        )
        for row in pages.rows(arguments.list_id, *states, result=arguments.result)
    )
    echo_table(_COLUMNS, rows)
