"""The ``[voiceinfra]`` section of Airflow's configuration, and the call store that it names."""

from __future__ import annotations

import functools
import math
from datetime import timedelta

from airflow.sdk import conf

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.webhook.settings import SECTION, SettingError, Settings, boolean, parse_settings


@functools.cache
def call_store() -> CallStore:
    """Return this process's call store, which opens no connection before it is used.

    :raises StoreError: if ``[voiceinfra] call_store`` is not a URL of SQLite or PostgreSQL.
    """
    return CallStore(
        setting("call_store"),
        environment=setting("environment"),
        extracted_field=setting("extracted_field"),
        hash_do_not_call=boolean("hash_do_not_call", setting("hash_do_not_call")),
    )


def receiver_settings() -> Settings:
    """Return the receiver's settings.

    :raises SettingError: if one is invalid.
    """
    return parse_settings(setting)


def retention_days() -> int:
    """Return the number of days for which content and phone numbers are kept; 0 keeps them forever."""
    return int(setting("retention_days"))


def deferral_settle_time() -> timedelta:
    """Return how long a deferred task waits at least before a worker resumes it.

    :raises SettingError: if it is not a number of seconds.
    """
    text = setting("deferral_settle_time")
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise SettingError(f"[{SECTION}] deferral_settle_time must be a number of seconds, such as 10, not {text!r}.")
    return timedelta(seconds=seconds)


def setting(option: str) -> str:
    """Return the value of an option, stripped: a command or a secrets backend may add a line break."""
    return str(conf.get(SECTION, option)).strip()
