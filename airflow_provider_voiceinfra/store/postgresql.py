"""Connections to PostgreSQL, and the settings of every transaction, whatever a role, database or pooler has set."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store.errors import StoreEncodingError, StoreError
from airflow_provider_voiceinfra.store.sqlite import LOCK_TIMEOUT

ARGUMENTS: dict[str, Any] = {
    "connect_timeout": 10,
    # Detects a database that has vanished after half a minute instead of two hours.
    "tcp_user_timeout": 30_000,
    # Prepared statements do not survive a pooler in transaction mode.
    "prepare_threshold": None,
    "application_name": "voiceinfra",
    "client_encoding": "utf8",
}
"""The arguments of every connection; without ``options``, which PgBouncer rejects."""

ENCODING = "UTF8"

# Seconds after which the transaction of a hung process is ended: less than LOCK_TIMEOUT of those that wait for it.
_IDLE_TIMEOUT = 20

_SETTINGS = {
    # A claim and a completion are on the disk when the transaction ends.
    "synchronous_commit": "on",
    "lock_timeout": f"'{LOCK_TIMEOUT:.0f}s'",
    "idle_in_transaction_session_timeout": f"'{_IDLE_TIMEOUT}s'",
    # What the driver expects: it rejects other styles, and assumes UTC for a zone that Python does not know.
    "DateStyle": "'ISO, YMD'",
    "TimeZone": "'UTC'",
}
# Sent in one message, which costs no more round trips than BEGIN alone. LOCAL, because a pooler in transaction mode
# runs each transaction in another session, which other clients share.
_SET = "".join(f"; SET LOCAL {name} = {value}" for name, value in _SETTINGS.items())
# A transaction that waited for a lock must see what the lock's holder committed, whatever the server's default is.
_BEGIN_WRITING = f"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE{_SET}"
_BEGIN_READING = f"BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY{_SET}"


def open_engine(url: sa.URL, **options: Any) -> sa.Engine:
    """Create an engine, whose transactions with the option ``voiceinfra_write`` may write.

    :raises StoreError: if the driver is missing, or the URL has unknown parameters.
    """
    try:
        import psycopg
    except ImportError:
        # Without libpq, the driver is installed but cannot be imported.
        raise StoreError(
            "The driver of PostgreSQL is missing, or cannot be loaded: run `pip install "
            "'airflow-provider-voiceinfra[postgres]'` in this environment. Nothing was dialled."
        ) from None
    known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    twice = {name for name, value in url.query.items() if not isinstance(value, str)}
    # Several hosts are allowed: the first one that answers is used.
    if set(url.query) - known or twice - {"host", "port"}:
        # They are not repeated, because they may be the end of a password.
        raise StoreError(
            "[voiceinfra] call_store has an unknown or repeated parameter after its ?: see "
            "'Parameter Key Words' in PostgreSQL's documentation of libpq. Nothing was dialled."
        )
    engine = sa.create_engine(
        url,
        # Transactions are begun by _begin, not by the driver.
        isolation_level="AUTOCOMMIT",
        pool_size=4,
        connect_args=ARGUMENTS,
        **options,
    )
    sa.event.listen(engine, "begin", _begin)
    return engine


def check_encoding(connection: sa.Connection, shown_url: str) -> None:
    """Check that the database can store every string.

    :raises StoreEncodingError: if it cannot.
    """
    found = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if found != ENCODING:
        raise StoreEncodingError(shown_url, found)


def _begin(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("voiceinfra_write", False)
    connection.exec_driver_sql(_BEGIN_WRITING if writes else _BEGIN_READING)
