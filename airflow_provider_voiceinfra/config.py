"""The ``[voiceinfra]`` section of Airflow's configuration, and the call store that it names."""

from __future__ import annotations

import functools

from airflow.sdk import conf

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.webhook.environment import SECTION, Settings, parse_settings


@functools.cache
def call_store() -> CallStore:
    """Give this process's call store. Opens nothing before it is used.

    :raises StoreError: if ``[voiceinfra] call_store`` is no URL of SQLite or PostgreSQL.
    """
    return CallStore(
        conf.get(SECTION, "call_store"),
        environment=conf.get(SECTION, "environment"),
        extracted_field=conf.get(SECTION, "extracted_field"),
        hash_do_not_call=conf.getboolean(SECTION, "hash_do_not_call"),
    )


def receiver_settings() -> Settings:
    """Give the receiver's settings.

    :raises SettingError: if one cannot be used.
    """
    return parse_settings(lambda option: conf.get(SECTION, option).strip())


def retention_days() -> int:
    """Give the days for which words and numbers are kept; 0 means for good."""
    return int(conf.getint(SECTION, "retention_days"))
