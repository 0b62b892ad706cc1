"""Locks by name, which last until the transaction ends."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import sqlalchemy as sa

# In the order of the array, one after another.
_LOCK = sa.text("SELECT pg_advisory_xact_lock(number) FROM unnest(CAST(:numbers AS bigint[])) AS number")

_SHARED_LOCK = sa.text("SELECT pg_advisory_xact_lock_shared(:number)")


def lock(tx: sa.Connection, *name: object) -> None:
    """Let nobody else hold a lock of this name until the transaction ends.

    Taken in this order, so that no two deadlock: intent, pauses, number, party, call, do-not-call, and the rows
    of budgets last.
    SQLite has one writer at a time anyway.

    :param name: what kind, and which.
    """
    lock_all(tx, [name])


def lock_shared(tx: sa.Connection, *name: object) -> None:
    """Let nobody hold a lock of this name alone until the transaction ends; others may share it."""
    if tx.dialect.name == "postgresql":
        tx.execute(_SHARED_LOCK, {"number": _number(name)})


def lock_all(tx: sa.Connection, names: Iterable[tuple[object, ...]]) -> None:
    """Hold several locks of one kind; everybody takes them in the same order."""
    if tx.dialect.name == "postgresql":
        numbers = sorted({_number(name) for name in names})
        if numbers:
            tx.execute(_LOCK, {"numbers": numbers})


def _number(name: tuple[object, ...]) -> int:
    digest = hashlib.sha256("/".join(map(str, name)).encode()).digest()
    return int.from_bytes(digest[:8], signed=True)
