"""A store that goes away for a while."""

from __future__ import annotations

import sqlite3

import psycopg
import sqlalchemy as sa


class Outage:
    """The store's database does not take writes for a while."""

    def __init__(self, url: str, admin_url: str | None) -> None:
        self._url, self._admin_url, self._lock = url, admin_url, None

    def begin(self) -> None:
        if self._admin_url is None:
            self._lock = sqlite3.connect(self._url.removeprefix("sqlite:///"), check_same_thread=False)
            self._lock.execute("BEGIN IMMEDIATE")
        else:
            self._allow_connections("false")

    def end(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        elif self._admin_url is not None:
            self._allow_connections("true")

    def _allow_connections(self, allow: str) -> None:
        name = sa.make_url(self._url).database
        with psycopg.connect(self._admin_url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {allow}")
            connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
