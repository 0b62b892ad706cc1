"""Locks by name, which last until the transaction ends."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa


def lock(tx: sa.Connection, *name: object) -> None:
    """Let nobody else hold a lock of this name until the transaction ends.

    Taken in this order, so that nobody waits in a circle: intent, party, call. SQLite has one writer at a time anyway.

    :param name: what kind, and which.
    """
    if tx.dialect.name == "postgresql":
        digest = hashlib.sha256("/".join(map(str, name)).encode()).digest()
        number = int.from_bytes(digest[:8], signed=True)
        tx.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.bindparam("number", number, sa.BigInteger))))
