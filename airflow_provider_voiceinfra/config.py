"""The ``[voiceinfra]`` section of Airflow's configuration, and the call store that it names."""

from __future__ import annotations

import functools

from airflow.sdk import conf

from airflow_provider_voiceinfra.store.call_store import CallStore

SECTION = "voiceinfra"


@functools.cache
def call_store() -> CallStore:
    """Give this process's call store. Opens nothing before it is used.

    :raises StoreError: if ``[voiceinfra] call_store`` is no URL of SQLite or PostgreSQL.
    """
    return CallStore(
        conf.get(SECTION, "call_store"),
        environment=conf.get(SECTION, "environment"),
        extracted_field=conf.get(SECTION, "extracted_field"),
    )


def webhook_conn_ids() -> frozenset[str]:
    """Give the connections that have a webhook here."""
    return frozenset(filter(None, map(str.strip, conf.get(SECTION, "webhook_conn_ids").split(","))))


def max_webhook_bytes() -> int:
    """Give the largest body that a webhook may have."""
    return int(conf.getint(SECTION, "max_webhook_bytes"))
