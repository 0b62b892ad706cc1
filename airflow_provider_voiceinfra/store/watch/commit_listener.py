"""Notices commits of the store as they happen, at almost no cost.

A notice may be lost, so loops that rely on them also scan from time to time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import sqlite3
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.errors import StoreError
from airflow_provider_voiceinfra.store.notify import CHANNEL, notify
from airflow_provider_voiceinfra.store.postgresql import ARGUMENTS

if TYPE_CHECKING:
    import psycopg

log = logging.getLogger(__name__)

READ_INTERVAL = 0.05
"""Seconds between two reads of SQLite's commit counter."""
RECONNECT_INTERVAL = 5.0

# The store is polled meanwhile, so a busy server has the time to answer.
_ECHO_TIMEOUT = 30.0

Noticed = Callable[[Collection[str] | None], None]
"""Called with the ``call_id`` of new completions, or with None if anything may have been committed."""


class CommitListener(Protocol):
    """Notices commits by others."""

    listening: bool
    """Whether commits are noticed now; if not, poll."""

    async def run(self, noticed: Noticed) -> None:
        """Notice commits, until cancelled."""


def listener_for(database: Database) -> CommitListener:
    """Make the listener for a database."""
    return SqliteListener(database) if database.is_sqlite else PostgresListener(database)


class SqliteListener:
    """Reads SQLite's counter of commits by other connections, which takes microseconds."""

    def __init__(self, database: Database) -> None:
        self.listening = False
        self._file = f"{database.path.as_uri()}?mode=rw"

    async def run(self, noticed: Noticed) -> None:
        """Notice commits, until cancelled."""
        while True:
            with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(self._file, uri=True)) as file:
                await self._read_counter(file, noticed)
            self.listening = False
            await asyncio.sleep(RECONNECT_INTERVAL)

    async def _read_counter(self, file: sqlite3.Connection, noticed: Noticed) -> None:
        seen = None
        while True:
            version = file.execute("PRAGMA data_version").fetchone()
            if version != seen:
                seen, self.listening = version, True
                noticed(None)
            await asyncio.sleep(READ_INTERVAL)


class PostgresListener:
    """Listens for PostgreSQL's notifications, on a connection of its own."""

    def __init__(self, database: Database) -> None:
        self.listening = False
        self._database = database

    async def run(self, noticed: Noticed) -> None:
        """Notice commits, until cancelled, or until a pooler is found to swallow notifications."""
        import psycopg

        while True:
            try:
                async with await psycopg.AsyncConnection.connect(**self._arguments()) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}".encode())
                    if not await self._receives_notifications(connection):
                        log.warning(
                            "PostgreSQL's notifications do not arrive, as behind a pooler in transaction mode, so "
                            "the store is polled for completions once a second."
                        )
                        return
                    self.listening = True
                    # Completions may have arrived before we started to listen.
                    noticed(None)
                    async for notice in connection.notifies():
                        noticed(notice.payload.split("\n"))
            except (psycopg.Error, OSError, StoreError):
                # The loop that polls instead reports that the store is unavailable.
                pass
            finally:
                self.listening = False
            await asyncio.sleep(RECONNECT_INTERVAL)

    async def _receives_notifications(self, connection: psycopg.AsyncConnection[Any]) -> bool:
        # Its own notifications pass even a pooler, with the response to the statement that sent them.
        echo = secrets.token_hex(8)
        await asyncio.to_thread(self._notify, echo)
        async for notice in connection.notifies(timeout=_ECHO_TIMEOUT):
            if notice.payload == echo:
                return True
        return False

    def _notify(self, payload: str) -> None:
        with self._database.write() as tx:
            notify(tx, [payload])

    def _arguments(self) -> dict[str, Any]:
        url = self._database.url
        _, arguments = url.get_dialect()().create_connect_args(url)
        # Detects within a minute that a connection died silently.
        keepalive = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
        return {**arguments, **ARGUMENTS, **keepalive, "autocommit": True}
