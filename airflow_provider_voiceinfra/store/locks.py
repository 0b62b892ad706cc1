"""Named locks, held until the transaction ends."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import sqlalchemy as sa

# In the order of the array, one after another.
_LOCK = sa.text("SELECT pg_advisory_xact_lock(number) FROM unnest(CAST(:numbers AS bigint[])) AS number")

_SHARED_LOCK = sa.text("SELECT pg_advisory_xact_lock_shared(:number)")


def lock(tx: sa.Connection, *name: object) -> None:
    """Hold an exclusive lock until the transaction ends.

    To avoid deadlocks, take locks in this order: intent, pauses, number, party, call, do-not-call, and the rows of
    budgets last. SQLite has only one writer at a time, and needs no locks.

    :param name: the kind of lock, and what it locks.
    """
    lock_all(tx, [name])


def lock_shared(tx: sa.Connection, *name: object) -> None:
    """Hold a shared lock until the transaction ends, which excludes exclusive ones."""
    if tx.dialect.name == "postgresql":
        tx.execute(_SHARED_LOCK, {"number": _number(name)})


def lock_all(tx: sa.Connection, names: Iterable[tuple[object, ...]]) -> None:
    """Hold several exclusive locks of one kind, always taken in the same order."""
    if tx.dialect.name == "postgresql":
        numbers = sorted({_number(name) for name in names})
        if numbers:
            tx.execute(_LOCK, {"numbers": numbers})


def _number(name: tuple[object, ...]) -> int:
    digest = hashlib.sha256("/".join(map(str, name)).encode()).digest()
    return int.from_bytes(digest[:8], signed=True)
