"""The URL of the call store: read in one way, or refused without being repeated, because it may hold a password."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from airflow_provider_voiceinfra.store.errors import StoreError

# Parameters that are never shown.
_SECRETS = ("password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret")

_WRITE = "write sqlite:////path/voiceinfra.db or postgresql+psycopg://user:password@host/database"


def parse_url(url: str) -> sa.URL:
    """Read ``[voiceinfra] call_store``.

    :param url: ``sqlite:////path/voiceinfra.db`` or ``postgresql+psycopg://…``, as SQLAlchemy writes it.
    :raises StoreError: if it names another kind of database, no file, or may be read in two ways.
    """
    try:
        parsed = sa.make_url(url)
    except (SQLAlchemyError, ValueError):
        raise StoreError(f"[voiceinfra] call_store is not an SQLAlchemy URL: {_WRITE}") from None
    match parsed.get_backend_name():
        case "sqlite":
            _check_sqlite(url, parsed)
            return parsed
        case "postgres" | "postgresql":
            _check_postgresql(url)
            # The driver that comes with this package, whichever Airflow's own database is used by.
            return parsed.set(drivername="postgresql+psycopg")
    raise StoreError(f"[voiceinfra] call_store, {shown(parsed)}, is of another kind: {_WRITE}")


def shown(url: sa.URL) -> str:
    """Write a URL without its secrets."""
    return url.difference_update_query(_SECRETS).render_as_string()


def _check_sqlite(url: str, parsed: sa.URL) -> None:
    if parsed.database in {None, "", ":memory:"}:
        raise StoreError(f"[voiceinfra] call_store names no file: {_WRITE}")
    if parsed.username or parsed.password or parsed.host or parsed.port or "?" in url:
        raise StoreError(f"[voiceinfra] call_store has more than a path, which SQLite does not use: {_WRITE}")
    if unquote(url) != url:
        # SQLAlchemy 2.1 decodes it, 2.0 does not.
        raise StoreError("[voiceinfra] call_store has a % in its path that can be read in two ways: rename the path.")
    if not Path(str(parsed.database)).is_absolute():
        raise StoreError(f"[voiceinfra] call_store names another file in each folder: {_WRITE}")


def _check_postgresql(url: str) -> None:
    if url.count("@") > 1:
        # What is after the first one would be taken for the host, and shown.
        raise StoreError(
            "[voiceinfra] call_store has an @ in its password or user, or in a parameter: write it as %40."
        )
