"""``airflow voiceinfra calls …``: the states and the history of calls."""

from __future__ import annotations

import argparse
import csv
import getpass
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from airflow_provider_voiceinfra.cli.output import echo, handle_errors, shown_time
from airflow_provider_voiceinfra.compat import print_rows
from airflow_provider_voiceinfra.config import call_store
from airflow_provider_voiceinfra.csv_cells import escape_csv_cell
from airflow_provider_voiceinfra.phone_numbers.e164 import mask
from airflow_provider_voiceinfra.store.claims.resolutions import ResolutionError
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.models import Call, CallState
from airflow_provider_voiceinfra.store.reads.call_filter import CallFilter


@handle_errors
def list_calls(arguments: argparse.Namespace) -> None:
    """List calls, newest first, without their content and with masked numbers."""
    wanted = _filter(arguments)
    rows = [
        {
            "ref": call.ref,
            "state": call.state.value,
            "outcome": _outcome(call),
            "claimed (UTC)": shown_time(call.claimed_at),
            "number": mask(call.to_number),
            "task": _task(call),
        }
        for call in islice(_matching_calls(wanted), arguments.limit)
    ]
    if not rows and arguments.output == "table":
        echo("No calls.")
        return
    print_rows(rows, arguments.output)
    if (more := call_store().calls.count(wanted) - len(rows)) > 0:
        sys.stderr.write(f"{more} more calls match: --limit shows more of them.\n")


@handle_errors
def show(arguments: argparse.Namespace) -> None:
    """Show one call and its history, and how to resolve it if it is unknown."""
    store = call_store()
    call = store.calls.get(arguments.ref)
    if call is None:
        raise StoreError(f"There is no call {arguments.ref}. `airflow voiceinfra calls list` lists all calls.")
    facts = {
        "state": call.state,
        "call_id": call.call_id or "",
        "task": _task(call),
        "key": call.idempotency_key,
        "agent": call.agent_id,
        "host": call.host,
        "list": call.list_id or "",
        "attempt": call.attempt if call.attempt > 1 else "",
        "number": mask(call.to_number),
        "outcome": _outcome(call),
        "seconds": call.completion.duration_seconds if call.completion else "",
        "rule": call.rule or "",
        "waits": f"until {shown_time(call.wait_until)} UTC" if call.wait_until else "",
        "error": f"{call.error_code}: {call.error_message}" if call.error_code else "",
    }
    echo(call.ref)
    for name, value in facts.items():
        if value not in {"", None}:
            echo(f"  {name:<9}{value}")
    for event in store.calls.history(call.id):
        by = f" by {event.actor}" if event.actor else ""
        detail = ", ".join(f"{name}: {value}" for name, value in event.detail.items())
        echo(f"  {shown_time(event.at)} UTC  {event.kind}{by}{f' ({detail})' if detail else ''}")
    if call.state == CallState.UNKNOWN:
        _echo_remedy(call.ref)


@handle_errors
def resolve(arguments: argparse.Namespace) -> None:
    """Resolve unknown calls with what a person found out."""
    if arguments.not_placed == bool(arguments.call_id):
        raise StoreError("Give either --call-id, with the id from VoiceInfra's call log, or --not-placed.")
    if arguments.not_placed:
        _resolve_not_placed(arguments.refs)
        return
    if len(arguments.refs) > 1:
        raise StoreError("A call_id belongs to one call: resolve calls that were placed one at a time.")
    [ref] = arguments.refs
    call_store().resolutions.placed(ref, arguments.call_id, actor=getpass.getuser())
    echo(f"{ref} was placed as {arguments.call_id}: tasks that wait for it continue.")


@handle_errors
def export(arguments: argparse.Namespace) -> None:
    """Write every step of every call, blocks and deferrals with their rule included, for audits."""
    calls = _matching_calls(_filter(arguments), all_environments=arguments.all_environments)
    rows = (row for call in calls for row in _history_rows(call))
    if arguments.format == "jsonl":
        for row in rows:
            echo(json.dumps(row))
        return
    writer: csv.DictWriter[str] | None = None
    for row in rows:
        if writer is None:
            writer = csv.DictWriter(sys.stdout, row.keys())
            writer.writeheader()
        cells = row | {"detail": json.dumps(row["detail"])}
        escaped = {name: escape_csv_cell(cell) if isinstance(cell, str) else cell for name, cell in cells.items()}
        writer.writerow(escaped)


def _resolve_not_placed(refs: list[str]) -> None:
    """Resolve each call if possible, and report the failures at the end."""
    resolutions, failures = call_store().resolutions, []
    for ref in refs:
        try:
            resolutions.not_placed(ref, actor=getpass.getuser())
        except ResolutionError as error:
            failures.append(str(error))
        else:
            echo(f"{ref} was not placed: its key is free, so a retry or a clear of its task may dial.")
    if failures:
        raise StoreError("\n".join(failures))


def _filter(arguments: argparse.Namespace) -> CallFilter:
    return CallFilter(
        list_id=arguments.list,
        dag_id=arguments.dag,
        state=arguments.state,
        outcome=arguments.outcome,
        digits=arguments.number,
        since=_time(arguments.since),
        until=_time(arguments.until),
    )


def _matching_calls(wanted: CallFilter, *, all_environments: bool = False) -> Iterator[Call]:
    return call_store().calls.iterate(wanted, all_environments=all_environments)


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise StoreError(f"{text!r} is not a valid time: write it like 2026-11-23 or 2026-11-23T15:00+01:00.") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _outcome(call: Call) -> str:
    return call.completion.outcome if call.completion else ""


def _task(call: Call) -> str:
    source = call.source
    index = "" if source.map_index < 0 else f"[{source.map_index}]"
    # A callback of a DAG has no task.
    task = source.task_id and f"{source.task_id}{index}"
    return " ".join(filter(None, (".".join(filter(None, (source.dag_id, task))), source.run_id)))


def _history_rows(call: Call) -> Iterator[dict[str, Any]]:
    for event in call_store().calls.history(call.id):
        yield {
            "at": event.at.isoformat(),
            "environment": call.environment,
            "ref": call.ref,
            "event": event.kind,
            "actor": event.actor,
            "detail": event.detail,
            "call_id": call.call_id,
            "state": call.state,
            "number": mask(call.to_number),
            "agent_id": call.agent_id,
            "idempotency_key": call.idempotency_key,
            "dag_id": call.source.dag_id,
            "run_id": call.source.run_id,
            "task_id": call.source.task_id,
            "map_index": call.source.map_index,
        }


def _echo_remedy(ref: str) -> None:
    rivals, completions, elsewhere = call_store().resolutions.candidates(ref)
    echo("  It may have been placed, so it is not dialled again. Look for it in VoiceInfra's call log; then:")
    echo(f"    airflow voiceinfra calls resolve {ref} --call-id <its call_id>")
    echo(f"    airflow voiceinfra calls resolve {ref} --not-placed")
    for call_id in completions:
        echo(f"  A completion without a call here fits it: {call_id}")
    if rivals:
        echo(f"  Such completions also fit these unsettled calls: {', '.join(rivals)}")
    if elsewhere:
        echo(f"  Such completions also fit unsettled calls of other environments: {elsewhere}")
