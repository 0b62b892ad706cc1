"""Settings of a receiver outside Airflow: environment variables, and the ``[voiceinfra]`` section of ``airflow.cfg``.

Names are Airflow's own, so that one set of variables serves both.
"""

from __future__ import annotations

import configparser
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from airflow_provider_voiceinfra.connection_fields import webhook_secrets
from airflow_provider_voiceinfra.get_provider_info import get_provider_info
from airflow_provider_voiceinfra.network import is_loopback
from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.webhook.spool import Spool

SECTION = "voiceinfra"

_OPTIONS = get_provider_info()["config"][SECTION]["options"]
# As Airflow reads them.
_BOOLEANS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


class SettingError(Exception):
    """A setting is missing or cannot be used; says which, and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The receiver's part of the section ``[voiceinfra]``.

    :param spool: None where the setting is empty.
    """

    call_store: str
    webhook_conn_ids: frozenset[str]
    max_webhook_bytes: int
    spool: Spool | None
    forward_to: tuple[str, ...]
    opt_out_field: str
    hash_do_not_call: bool
    extracted_field: str

    def open_store(self) -> CallStore:
        """Open the store that webhooks go to."""
        return CallStore(
            self.call_store,
            forward_to=self.forward_to,
            opt_out_field=self.opt_out_field,
            hash_do_not_call=self.hash_do_not_call,
            extracted_field=self.extracted_field,
        )


def settings() -> Settings:
    """Read the settings.

    :raises SettingError: if one is missing or cannot be used.
    """
    try:
        return parse_settings(_get)
    except configparser.Error as error:
        raise SettingError(f"airflow.cfg cannot be read: {type(error).__name__}. Write % as %% there.") from None


def parse_settings(get: Callable[[str], str]) -> Settings:
    """Parse the settings, wherever they come from.

    :raises SettingError: if one cannot be used.
    """
    conn_ids = frozenset(filter(None, map(str.strip, get("webhook_conn_ids").split(","))))
    folder = get("spool")
    try:
        return Settings(
            call_store=get("call_store"),
            webhook_conn_ids=conn_ids,
            max_webhook_bytes=int(get("max_webhook_bytes")),
            spool=Spool(Path(folder)) if folder else None,
            forward_to=forward_urls(get("forward_to"), conn_ids),
            opt_out_field=get("opt_out_field"),
            hash_do_not_call=boolean("hash_do_not_call", get("hash_do_not_call")),
            extracted_field=get("extracted_field"),
        )
    except ValueError as error:
        raise SettingError(f"A setting in [{SECTION}] cannot be used: {error}") from None


def boolean(option: str, text: str) -> bool:
    """Parse a boolean option.

    :raises ValueError: if it is not a boolean.
    """
    if text.lower() not in _BOOLEANS:
        raise ValueError(f"{option} must be True or False, not {text!r}.")
    return _BOOLEANS[text.lower()]


def forward_urls(text: str, conn_ids: frozenset[str]) -> tuple[str, ...]:
    """Read ``[voiceinfra] forward_to``.

    :param text: URLs, separated by commas.
    :param conn_ids: the connections that have a webhook here.
    :raises ValueError: if one cannot be used; says why.
    """
    urls = tuple(filter(None, map(str.strip, text.split(","))))
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            raise ValueError(
                f"[voiceinfra] forward_to: {parts.hostname or 'each URL'} needs https: transcripts go there."
            )
        if len(conn_ids) > 1 and "{conn_id}" not in url:
            raise ValueError(
                "[voiceinfra] forward_to: with several webhook_conn_ids, write {conn_id} into each URL, such as "
                "https://staging.example.com/voiceinfra/webhook/{conn_id}."
            )
    return urls


def connection_secrets(conn_id: str) -> list[str]:
    """Read a webhook's secrets from the connection's variable ``AIRFLOW_CONN_…``, the current one first."""
    text = os.environ.get(f"AIRFLOW_CONN_{conn_id.upper()}", "").strip()
    extra = json.loads(text).get("extra") if text.startswith("{") else _extra_of_uri(text)
    return webhook_secrets(extra, conn_id=conn_id)


def _extra_of_uri(text: str) -> object:
    query = dict(parse_qsl(urlsplit(text).query, keep_blank_values=True))
    return query.get("__extra__", query)


def _get(option: str) -> str:
    """Look up an option as Airflow does, in this order: variable, file, command, secrets backend, default."""
    variable, file, known = _variable(option), _file(), _OPTIONS[option]
    places = (
        (os.environ.get(variable), _expanded),
        (os.environ.get(f"{variable}_CMD"), _output),
        (os.environ.get(f"{variable}_SECRET"), lambda _: _from_airflow(option)),
        (file.get(SECTION, option, fallback=None), _expanded),
        (file.get(SECTION, f"{option}_cmd", fallback=None), _output),
        (file.get(SECTION, f"{option}_secret", fallback=None), lambda _: _from_airflow(option)),
    )
    for found, read in places:
        if found is None:
            continue
        if read is not _expanded and not known.get("sensitive"):
            raise SettingError(
                f"[{SECTION}] {option} is given by a command or a secrets backend, which Airflow ignores for this "
                f"option: set {variable} itself."
            )
        return read(found).strip()
    return _expanded(known["default"].replace("{AIRFLOW_HOME}", _home())).strip()


def _file() -> configparser.ConfigParser:
    file = configparser.ConfigParser()
    file.read(os.environ.get("AIRFLOW_CONFIG", f"{_home()}/airflow.cfg"))
    return file


def _home() -> str:
    return _expanded(os.environ.get("AIRFLOW_HOME", "~/airflow"))


def _expanded(text: str) -> str:
    """Expand ``$VAR`` and ``~`` as Airflow does: repeatedly, until nothing changes."""
    while (expanded := os.path.expanduser(os.path.expandvars(text))) != text:  # noqa: PTH111 - of any text, not a path
        text = expanded
    return text


def _output(command: str) -> str:
    """Run the command that prints a setting."""
    try:
        words = shlex.split(command)
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout  # noqa: S603 - the administrator's own
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        status = f"exit status {error.returncode}" if isinstance(error, subprocess.CalledProcessError) else str(error)
        raise SettingError(f"A command in [{SECTION}] that prints a setting failed: {status}.") from None


def _from_airflow(option: str) -> str:
    """Ask Airflow, which knows the secrets backends."""
    command = (sys.executable, "-m", "airflow", "config", "get-value", SECTION, option)
    found = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - Airflow's own program
    if found.returncode:
        raise SettingError(
            f"[{SECTION}] {option} is in a secrets backend that Airflow could not read: try "
            f"`airflow config get-value {SECTION} {option}`."
        )
    return found.stdout


def _variable(option: str) -> str:
    return f"AIRFLOW__{SECTION}__{option}".upper()
