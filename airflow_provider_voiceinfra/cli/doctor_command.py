"""``airflow voiceinfra doctor``: finds what would keep calls from working, and says how to fix it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from airflow.sdk import conf

from airflow_provider_voiceinfra.cli.checks import (
    Finding,
    check_airflow,
    check_connection,
    check_receiver,
    check_store,
    check_webhooks,
)
from airflow_provider_voiceinfra.cli.output import echo
from airflow_provider_voiceinfra.config import call_store, receiver_settings
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.webhook.settings import SettingError


def run(arguments: argparse.Namespace) -> int:
    """Print what each check finds; the exit status is 1 if there is a problem."""
    problems = 0
    for finding in _findings(arguments):
        problems += finding.is_problem
        echo(f"{'PROBLEM' if finding.is_problem else 'ok':<8} {finding.subject}: {finding.detail}")
    echo(f"{problems} problem{'s' if problems > 1 else ''} found." if problems else "No problem found.")
    return int(problems > 0)


def _findings(arguments: argparse.Namespace) -> Iterator[Finding]:
    yield from check_airflow()
    try:
        settings = receiver_settings()
    except SettingError as error:
        yield Finding("[voiceinfra] settings", str(error), is_problem=True)
        return
    for conn_id in arguments.connection or sorted(settings.webhook_conn_ids):
        yield from check_connection(conn_id, has_webhook=conn_id in settings.webhook_conn_ids)
    base_url = conf.get("api", "base_url", fallback="") or "http://localhost:8080"
    yield from check_receiver(arguments.receiver_url or f"{base_url.rstrip('/')}/voiceinfra/health")
    try:
        store = call_store()
        yield from check_store(store)
        yield from check_webhooks(store, settings)
    except StoreError as error:
        yield Finding("call store", str(error), is_problem=True)
