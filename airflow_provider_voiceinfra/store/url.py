"""Parsing of the URL of the call store; errors do not repeat it, because it may contain a password."""

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
    """Parse ``[voiceinfra] call_store``.

    :param url: a URL of SQLAlchemy: ``sqlite:////path/voiceinfra.db`` or ``postgresql+psycopg://…``.
    :raises StoreError: if it is invalid, ambiguous, or of an unsupported database.
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
            # The driver of this package, whichever one Airflow's own database uses.
            return parsed.set(drivername="postgresql+psycopg")
    raise StoreError(f"[voiceinfra] call_store, {shown(parsed)}, is not SQLite or PostgreSQL: {_WRITE}")


def shown(url: sa.URL) -> str:
    """Return a URL without its secrets."""
    return url.difference_update_query(_SECRETS).render_as_string()


def _check_sqlite(url: str, parsed: sa.URL) -> None:
    if parsed.database in {None, "", ":memory:"}:
        raise StoreError(f"[voiceinfra] call_store has no file: {_WRITE}")
    if parsed.username or parsed.password or parsed.host or parsed.port or "?" in url:
        raise StoreError(f"[voiceinfra] call_store has more than a path, which SQLite does not use: {_WRITE}")
    if unquote(url) != url:
        # SQLAlchemy 2.1 decodes it, 2.0 does not.
        raise StoreError("[voiceinfra] call_store has an ambiguous % in its path: rename the path.")
    if not Path(str(parsed.database)).is_absolute():
        raise StoreError(f"[voiceinfra] call_store has a relative path, which is another file in each folder: {_WRITE}")


def _check_postgresql(url: str) -> None:
    if url.count("@") > 1:
        # The part after the first one would be read as the host, and shown.
        raise StoreError(
            "[voiceinfra] call_store has an @ in its password or user, or in a parameter: write it as %40."
        )
