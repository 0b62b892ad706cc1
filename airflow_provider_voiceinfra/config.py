"""The ``[voiceinfra]`` section of Airflow's configuration, and the call store that it names."""

from __future__ import annotations

import functools

from airflow.sdk import conf

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.webhook.settings import SECTION, Settings, boolean, parse_settings


@functools.cache
def call_store() -> CallStore:
    """Give this process's call store. Opens nothing before it is used.

    :raises StoreError: if ``[voiceinfra] call_store`` is no URL of SQLite or PostgreSQL.
    """
    return CallStore(
        setting("call_store"),
        environment=setting("environment"),
        extracted_field=setting("extracted_field"),
        hash_do_not_call=boolean("hash_do_not_call", setting("hash_do_not_call")),
    )


def receiver_settings() -> Settings:
    """Give the receiver's settings.

    :raises SettingError: if one cannot be used.
    """
    return parse_settings(setting)


def retention_days() -> int:
    """Give the days for which words and numbers are kept; 0 means for good."""
    return int(setting("retention_days"))


def setting(option: str) -> str:
    """Give the text of an option. A command or a secrets backend may add a line's end, which is no part of it."""
    return str(conf.get(SECTION, option)).strip()
