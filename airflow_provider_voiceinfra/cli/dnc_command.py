"""``airflow voiceinfra dnc …``: the do-not-call list."""

from __future__ import annotations

import argparse
import csv
import getpass
import sys

from airflow_provider_voiceinfra.cli.number_file import read_lines
from airflow_provider_voiceinfra.cli.output import echo, handle_errors, shown_time
from airflow_provider_voiceinfra.compat import print_rows
from airflow_provider_voiceinfra.config import call_store
from airflow_provider_voiceinfra.csv_cells import escape_csv_cell
from airflow_provider_voiceinfra.phone_numbers.e164 import mask, to_e164
from airflow_provider_voiceinfra.store.errors import StoreError

_APPLIES = "The do-not-call list applies in all environments of this call store."
_MAX_SHOWN = 20
_COLUMNS = ("number", "added_at", "added_by", "reason")


@handle_errors
def add(arguments: argparse.Namespace) -> None:
    """Put a number on the list."""
    number = _number(arguments)
    added = call_store().do_not_call.add([number], actor=getpass.getuser(), reason=arguments.reason)
    echo(
        f"{mask(number)} is {'on the do-not-call list now' if added else 'on the do-not-call list already'}. {_APPLIES}"
    )


@handle_errors
def remove(arguments: argparse.Namespace) -> None:
    """Take a number off the list."""
    number = _number(arguments)
    if not call_store().do_not_call.remove(number, actor=getpass.getuser(), reason=arguments.reason):
        raise StoreError(f"{mask(number)} is not on the do-not-call list.")
    echo(f"{mask(number)} may be called again. {_APPLIES}")


@handle_errors
def list_numbers(arguments: argparse.Namespace) -> None:
    """List the numbers, masked, or the history of one."""
    do_not_call = call_store().do_not_call
    if arguments.output == "table":
        echo(_APPLIES)
    if arguments.number:
        history = do_not_call.history(_number(arguments))
        events = [
            {"action": each.action, "when (UTC)": shown_time(each.at), "by": each.actor, "reason": each.reason}
            for each in history
        ]
        print_rows(events, arguments.output)
        return
    listed = [
        {
            "number": mask(each.number) if each.number else "stored as a hash",
            "since (UTC)": shown_time(each.added_at),
            "by": each.added_by,
            "reason": each.reason,
        }
        for each in do_not_call.iterate()
    ]
    print_rows(listed, arguments.output)


@handle_errors
def import_numbers(arguments: argparse.Namespace) -> None:
    """Put the valid numbers of a file on the list, and report the lines that are invalid."""
    try:
        # Spreadsheets write a byte order mark.
        with open(arguments.file, encoding="utf-8-sig", newline="") as file:  # noqa: PTH123 - the path as the user wrote it
            lines = list(read_lines(file, column=arguments.column, region=arguments.region))
    except UnicodeDecodeError:
        raise StoreError(f"{arguments.file} is not UTF-8: save it as UTF-8. Nothing was imported.") from None
    except OSError as error:
        raise StoreError(f"{arguments.file} cannot be read: {error.strerror}. Nothing was imported.") from None
    numbers = [line.number for line in lines if line.number is not None]
    invalid = [line for line in lines if line.number is None]
    added = call_store().do_not_call.add(numbers, actor=getpass.getuser(), reason=arguments.reason)
    echo(
        f"{len(lines)} lines read: {added} numbers added to the do-not-call list, {len(numbers) - added} on it "
        f"already, {len(invalid)} invalid. {_APPLIES}"
    )
    if invalid:
        shown = [f"line {line.line_number}: {line.problem}" for line in invalid[:_MAX_SHOWN]]
        more = [f"… and {len(invalid) - _MAX_SHOWN} more lines."] if len(invalid) > _MAX_SHOWN else []
        raise StoreError("\n".join([*shown, *more, "Fix these lines and import the file again."]))


@handle_errors
def export(_: argparse.Namespace) -> None:
    """Write the list as CSV, with full numbers, for other systems that call people."""
    writer, hashed = csv.writer(sys.stdout), 0
    writer.writerow(_COLUMNS)
    for each in call_store().do_not_call.iterate():
        hashed += each.number is None
        if each.number is not None:
            writer.writerow(map(escape_csv_cell, (each.number, each.added_at.isoformat(), each.added_by, each.reason)))
    if hashed:
        sys.stderr.write(f"{hashed} numbers are stored as hashes and cannot be exported.\n")


def _number(arguments: argparse.Namespace) -> str:
    return to_e164(arguments.number, field="number", region=arguments.region)
