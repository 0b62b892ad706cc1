"""Reads times that Python cannot represent, such as PostgreSQL's infinity, as strings instead of failing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg.abc import AdaptContext, Buffer

_TYPES = ("date", "timestamp", "timestamptz")


def read_odd_times_as_text(connection: Any) -> None:
    """Let a connection of psycopg return a string for a time that is out of range; ignore other connections."""
    if type(connection).__module__.partition(".")[0] != "psycopg":
        return
    from psycopg.pq import Format

    for name in _TYPES:
        oid = connection.adapters.types[name].oid
        connection.adapters.register_loader(oid, _or_text(connection.adapters.get_loader(oid, Format.TEXT)))


def _or_text(loader: Any) -> Any:
    from psycopg import DataError
    from psycopg.adapt import Loader

    class OrText(Loader):
        def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
            super().__init__(oid, context)
            self._loader = loader(oid, context)

        def load(self, data: Buffer) -> Any:
            try:
                return self._loader.load(data)
            except DataError:
                return bytes(data).decode()

    return OrText
