"""The checks of ``airflow voiceinfra doctor``, each of which finds what would keep calls from working."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import requests
from airflow import __version__ as airflow_version

from airflow_provider_voiceinfra import compat
from airflow_provider_voiceinfra.calls.api import VoiceInfraApi
from airflow_provider_voiceinfra.connection_fields import ExtraFieldsError, webhook_secrets
from airflow_provider_voiceinfra.errors import VoiceInfraError
from airflow_provider_voiceinfra.hooks.voiceinfra import read_account
from airflow_provider_voiceinfra.network import environment_settings
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.webhook.settings import Settings

_LONG_OPEN = timedelta(minutes=30)
"""How long a call may be open before it is likely that webhooks do not arrive."""
_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found.

    :param subject: what was checked.
    :param detail: its state, or what is wrong and how to fix it.
    """

    subject: str
    detail: str
    is_problem: bool = False


def check_airflow() -> Iterator[Finding]:
    """Check the version of Airflow, and whether a triggerer runs, which deferrable tasks need."""
    yield Finding("Airflow", airflow_version)
    seen = compat.read_triggerer_heartbeat()
    if seen.is_alive:
        yield Finding("triggerer", f"seen at {seen.at:%Y-%m-%d %H:%M:%S} UTC")
    else:
        when = f"since {seen.at:%Y-%m-%d %H:%M:%S} UTC" if seen.at else "yet"
        yield Finding(
            "triggerer",
            f"No triggerer was seen {when}, so deferred tasks do not continue: start one (`airflow triggerer`), or "
            "set deferrable=False.",
            is_problem=True,
        )


def check_store(store: CallStore) -> Iterator[Finding]:
    """Check that the call store can be written.

    :raises StoreError: if it cannot; says what to do.
    """
    store.check_writing()
    yield Finding("call store", f"{store.database.shown_url} can be written")


def check_connection(conn_id: str, *, has_webhook: bool) -> Iterator[Finding]:
    """Check a connection: its fields, its API key by a request that cannot ring, and its webhook's secret.

    :param has_webhook: whether it is in ``[voiceinfra] webhook_conn_ids``.
    """
    subject = f"connection {conn_id}"
    connection = compat.read_connection(conn_id)
    if connection is None:
        yield Finding(
            subject,
            "There is no such connection: create it under Admin → Connections, or correct [voiceinfra] "
            "webhook_conn_ids.",
            is_problem=True,
        )
        return
    try:
        is_valid, answer = VoiceInfraApi(read_account(connection)).check_key()
        yield Finding(subject, answer, is_problem=not is_valid)
        if has_webhook and not any(webhook_secrets(connection.extra, conn_id=conn_id)):
            yield Finding(
                subject,
                "It has no webhook_secret, so each of its webhooks is rejected: copy the secret from Settings → "
                "Webhooks into its extra fields.",
                is_problem=True,
            )
    except (VoiceInfraError, ExtraFieldsError) as error:
        yield Finding(subject, str(error), is_problem=True)


def check_receiver(url: str) -> Iterator[Finding]:
    """Check the health of the webhook receiver.

    :param url: of its health page.
    """
    try:
        answer = requests.get(url, timeout=_TIMEOUT, **environment_settings(url))
        found = answer.json()
        status, reasons = str(found["status"]), "; ".join(map(str, found["reasons"]))
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        yield Finding(
            "receiver",
            f"{url} does not answer as a receiver does ({type(error).__name__}): start the API server or the "
            "receiver, or name its address by --receiver-url.",
            is_problem=True,
        )
    else:
        yield Finding("receiver", f"{status}: {reasons}" if reasons else status, is_problem=status != "ok")


def check_webhooks(store: CallStore, settings: Settings) -> Iterator[Finding]:
    """Check that webhooks arrive, are accepted, and complete the calls that wait for them."""
    now = store.database.clock.now()
    newest, oldest_open = store.completions.newest_arrival(), store.calls.oldest_open()
    yield Finding("webhooks", f"the newest arrived at {newest:%Y-%m-%d %H:%M:%S} UTC" if newest else "none arrived yet")
    yield from (Finding("webhooks", problem, is_problem=True) for problem in _problems(store, settings, now))
    if oldest_open and now - oldest_open > _LONG_OPEN and (newest is None or newest < oldest_open):
        yield Finding(
            "webhooks",
            f"None has arrived since a call was placed at {oldest_open:%Y-%m-%d %H:%M:%S} UTC: check the URL under "
            "Settings → Webhooks, and that it reaches the receiver from the internet.",
            is_problem=True,
        )


def _problems(store: CallStore, settings: Settings, now: datetime) -> Iterator[str]:
    if rejected := store.rejected_webhooks.since(now - timedelta(days=1)):
        yield (
            f"{rejected} were rejected within a day, because their signature is missing or wrong: compare "
            "webhook_secret with the secret under Settings → Webhooks."
        )
    if quarantined := store.quarantine.count():
        yield f"{quarantined} are in quarantine: `airflow voiceinfra store quarantine` lists them."
    if settings.spool and (depth := settings.spool.depth()).deliveries:
        yield f"{depth.deliveries} are on the spool at {settings.spool.folder}: the receiver has not stored them yet."
    if settings.spool and (set_aside := settings.spool.set_aside()):
        yield f"{len(set_aside)} files of the spool are set aside: `airflow voiceinfra store status` says why."
    for each in store.connections.without_webhook(settings.webhook_conn_ids):
        if each.environment == store.environment:
            yield each.describe(settings.webhook_conn_ids)
