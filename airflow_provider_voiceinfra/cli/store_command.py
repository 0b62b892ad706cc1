"""``airflow voiceinfra store …``: creation and maintenance of the call store."""

from __future__ import annotations

import argparse
import getpass
import re
import sys
from datetime import timedelta

from airflow_provider_voiceinfra.calls.hosts import read_host, realm_of
from airflow_provider_voiceinfra.cli.output import echo, handle_errors, shown_time
from airflow_provider_voiceinfra.compat import print_rows
from airflow_provider_voiceinfra.config import call_store, receiver_settings, retention_days
from airflow_provider_voiceinfra.phone_numbers.e164 import mask, to_e164
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.models import DeliveryResult
from airflow_provider_voiceinfra.store.operations.retention import Purged
from airflow_provider_voiceinfra.webhook.settings import SettingError
from airflow_provider_voiceinfra.webhook.spool import SpoolDepth

_DAYS = re.compile(r"(\d{1,5})d")


@handle_errors
def migrate(_: argparse.Namespace) -> None:
    """Create the call store, or migrate it to this version's schema."""
    store = call_store()
    store.migrate()
    store.check()
    echo(f"The call store at {store.database.shown_url} is ready.")


@handle_errors
def status(arguments: argparse.Namespace) -> None:
    """Show whether the call store can be used, and what it contains."""
    store = call_store()
    echo(f"The call store at {store.database.shown_url} can be used.")
    if arguments.all_environments:
        for (environment, state), count in store.calls.count_everywhere().items():
            echo(f"  {environment:<24}{state:<12}{count:>10}")
    else:
        echo(f"Calls of environment {store.environment}:")
        for state, count in store.calls.count_by_state().items():
            echo(f"  {state:<12}{count:>10}")
    quarantined, waiting = store.quarantine.count(), store.forwards.waiting()
    if quarantined:
        echo(f"  {quarantined} webhooks are in quarantine: `airflow voiceinfra store quarantine` lists them.")
    if waiting:
        echo(f"  {waiting} webhooks wait to be forwarded to [voiceinfra] forward_to.")
    _echo_receiver(store, everywhere=arguments.all_environments)


@handle_errors
def quarantine(arguments: argparse.Namespace) -> None:
    """List the signed webhooks that are not understood, write the body of one, or assign it to its call."""
    store = call_store()
    if (arguments.action or arguments.body is not None) and not arguments.all_environments:
        raise StoreError(
            "A webhook in quarantine may belong to a call of any environment, and its body contains private data: add "
            "--all-environments if you are allowed to read it."
        )
    if arguments.action == "reprocess":
        _reprocess(store, arguments.id, arguments.call_id)
        return
    if arguments.body is not None:
        body = store.quarantine.body(arguments.body)
        if body is None:
            raise StoreError(f"There is no webhook {arguments.body} in quarantine.")
        sys.stdout.buffer.write(body)
        return
    rows = [
        {
            "id": each.id,
            "received (UTC)": shown_time(each.received_at),
            "connection": each.webhook_conn_id,
            "bytes": each.size,
            "reason": each.reason,
        }
        for each in store.quarantine.newest()
    ]
    print_rows(rows, arguments.output)


def _reprocess(store: CallStore, row_id: int | None, call_id: str | None) -> None:
    if row_id is None or not call_id:
        raise StoreError("Give the webhook and its call: store quarantine reprocess ID --call-id CALL_ID.")
    call = store.calls.get(call_id)
    if call is None or call.call_id is None:
        raise StoreError(
            f"There is no call {call_id} in environment {store.environment!r}. If an unknown call has this call_id, "
            f"resolve it first: `airflow voiceinfra calls resolve vc_… --call-id {call_id}`."
        )
    kept = store.deliveries.reprocess(row_id, call.call_id, actor=getpass.getuser())
    call = store.calls.get(call.ref) or call
    if kept is DeliveryResult.NEW:
        outcome = f" ({call.completion.outcome})" if call.completion else ""
        echo(f"Webhook {row_id} is the completion of {call.ref}, which is {call.state}{outcome}.")
    else:
        echo(f"{call.ref} has a completion already: webhook {row_id} is kept beside it and changes nothing.")


@handle_errors
def rename_connection(arguments: argparse.Namespace) -> None:
    """Move the calls of a renamed connection to its new id."""
    old, new = arguments.old, arguments.new
    if old == new:
        raise StoreError(f"{old} and {new} are the same connection: nothing to rename.")
    store = call_store()
    moved = store.connections.rename(old, new, actor=getpass.getuser())
    echo(
        f"{moved.calls} calls of environment {store.environment!r} were moved from connection {old} to {new}, "
        "with their completions, pauses and limits. "
        f"{moved.completed} of them are completed now, because their webhooks had arrived."
    )


@handle_errors
def rename_host(arguments: argparse.Namespace) -> None:
    """Move the keys of all calls at an API host to another one."""
    old, new = read_host(arguments.old), read_host(arguments.new)
    if old == new:
        raise StoreError(f"{arguments.old} and {arguments.new} are the same host, {new}: nothing to rename.")
    if realm_of(old) != realm_of(new):
        raise StoreError(
            f"{old} and {new} are not both live hosts or both sandboxes (loopback addresses): nothing was renamed."
        )
    store = call_store()
    moved = store.hosts.rename(old, new, realm=realm_of(new), actor=getpass.getuser())
    echo(f"{moved} calls of environment {store.environment!r} were moved from {old} to {new}.")


@handle_errors
def purge(arguments: argparse.Namespace) -> None:
    """Remove the numbers and content of old calls."""
    if arguments.older_than is None:
        days = retention_days()
        if days <= 0:
            echo("Nothing is purged: [voiceinfra] retention_days is 0. Set it, or give --older-than 90d.")
            return
    else:
        days = _days(arguments.older_than)
    store, everywhere = call_store(), arguments.all_environments
    with store.database.read() as tx:
        before = store.database.clock.read(tx) - timedelta(days=days)
    purged = store.retention.purge(before, all_environments=everywhere)
    _echo_purged(purged, f"older than {days} days", everywhere=everywhere)


@handle_errors
def erase(arguments: argparse.Namespace) -> None:
    """Remove the content of all calls with a person."""
    number = to_e164(arguments.number, field="number", region=arguments.region)
    store = call_store()
    if arguments.all_environments:
        # A number on the do-not-call list stays there, as a hash.
        store.do_not_call.forget(number)
    purged = store.retention.erase(number, all_environments=arguments.all_environments)
    _echo_purged(purged, f"of {mask(number)}", everywhere=arguments.all_environments)


def _echo_receiver(store: CallStore, *, everywhere: bool) -> None:
    """Report problems of webhooks: in the settings, and on this machine's spool; other receivers have their own."""
    try:
        settings = receiver_settings()
        spool = settings.spool
        depth, set_aside = (spool.depth(), spool.set_aside()) if spool else (SpoolDepth(0, 0), {})
    except (SettingError, OSError) as error:
        echo(f"  The receiver's settings or its spool cannot be read: {error}")
        return
    if spool and depth.deliveries:
        echo(f"  {depth.deliveries} webhooks are on the spool at {spool.folder}.")
    for name, reason in sorted(set_aside.items()):
        echo(f"  {spool and spool.folder / name} {reason}: its webhooks are not in the call store.")
    for each in store.connections.without_webhook(settings.webhook_conn_ids):
        if everywhere or each.environment == store.environment:
            echo(f"  {each.describe(settings.webhook_conn_ids)}")


def _days(text: str) -> int:
    match = _DAYS.fullmatch(text)
    if match is None:
        raise StoreError(f"{text!r} is not a number of days: write it like 90d.")
    return int(match[1])


def _echo_purged(purged: Purged, which: str, *, everywhere: bool) -> None:
    where = "in all environments" if everywhere else f"in environment {call_store().environment}"
    echo(
        f"Numbers and content {which} were removed {where}: {purged.calls} calls, {purged.completions} completions, "
        f"{purged.quarantined} webhooks in quarantine. Keys and outcomes stay, so that nobody is called again."
    )
    if purged.open_calls:
        echo(f"{purged.open_calls} calls have not ended and were not changed: run this again after they end.")
    if not everywhere:
        echo(
            "Data that belongs to no call of this environment stays: calls of other environments, completions of calls "
            "placed elsewhere, webhooks in quarantine, the do-not-call list. Add --all-environments to include it, "
            "for example when a person asks for erasure."
        )
