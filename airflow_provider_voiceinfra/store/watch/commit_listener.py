"""Notices commits of the store as they happen, at almost no cost.

A notice may be lost, so those who rely on them also scan from time to time.
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

LOOK_INTERVAL = 0.05
"""Seconds between two looks at SQLite's counter of commits."""
RECONNECT_INTERVAL = 5.0

# Bytes: PostgreSQL takes less than 8,000.
_ECHO_TIMEOUT = 3.0

Noticed = Callable[[Collection[str] | None], None]
"""Takes the ``call_id`` of completions that have arrived; None where it is not known which."""


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
    """Looks at SQLite's counter of commits by other connections, which takes microseconds."""

    def __init__(self, database: Database) -> None:
        self.listening = False
        self._file = f"{database.path.as_uri()}?mode=rw"

    async def run(self, noticed: Noticed) -> None:
        """Notice commits, until cancelled."""
        while True:
            with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(self._file, uri=True)) as file:
                await self._look(file, noticed)
            self.listening = False
            await asyncio.sleep(RECONNECT_INTERVAL)

    async def _look(self, file: sqlite3.Connection, noticed: Noticed) -> None:
        seen = None
        while True:
            version = file.execute("PRAGMA data_version").fetchone()
            if version != seen:
                seen, self.listening = version, True
                noticed(None)
            await asyncio.sleep(LOOK_INTERVAL)


class PostgresListener:
    """Listens on a connection of its own."""

    def __init__(self, database: Database) -> None:
        self.listening = False
        self._database = database

    async def run(self, noticed: Noticed) -> None:
        """Notice commits, until cancelled or found to be behind a pooler that swallows notifications."""
        import psycopg

        while True:
            try:
                async with await psycopg.AsyncConnection.connect(**self._arguments()) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}".encode())
                    if not await self._hears_others(connection):
                        log.warning(
                            "PostgreSQL's notifications do not come through, as behind a pooler in transaction mode: "
                            "completions are asked for once a second."
                        )
                        return
                    self.listening = True
                    # Whatever came before we listened.
                    noticed(None)
                    async for notice in connection.notifies():
                        noticed(notice.payload.split("\n"))
            except (psycopg.Error, OSError, StoreError):
                # Whoever asks instead says that the store is away.
                pass
            finally:
                self.listening = False
            await asyncio.sleep(RECONNECT_INTERVAL)

    async def _hears_others(self, connection: psycopg.AsyncConnection[Any]) -> bool:
        # Its own notifications come even through a pooler, with the answer to the statement that sent them.
        echo = secrets.token_hex(8)
        await asyncio.to_thread(self._tell, echo)
        async for notice in connection.notifies(timeout=_ECHO_TIMEOUT):
            if notice.payload == echo:
                return True
        return False

    def _tell(self, payload: str) -> None:
        with self._database.write() as tx:
            notify(tx, [payload])

    def _arguments(self) -> dict[str, Any]:
        url = self._database.url
        _, arguments = url.get_dialect()().create_connect_args(url)
        # A connection that has died silently is noticed in a minute.
        keepalive = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
        return {**arguments, **ARGUMENTS, **keepalive, "autocommit": True}
