"""How calls ended, hour by hour: what a glance at many calls reads instead of them.

Completions are counted a while after they came, by whoever looks after it, and not by those who write them. The order
of their ids is not that of their commits; so only those are counted whose neighbours have long been committed too.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.completion_body import stored_completion
from airflow_provider_voiceinfra.store.engine import Database

SETTLED = 60.0
"""Seconds after which all completions with a lower id than one that was seen are committed, or never will be."""
AT_ONCE = 500
"""Completions in a transaction."""
MAX_UNMATCHED = 1_000
"""Completions that no call has: so many of the newest are looked at again."""

_LATE = timedelta(days=2)
_HOUR = ("environment", "hour", "dag_id", "outcome")
_call, _completion, _hour = schema.call.c, schema.completion.c, schema.call_hour.c
_unmatched = schema.unmatched.c
_WITH_CALL = (
    sa.select(
        *(_completion[name] for name in ("id", "outcome", "received_at", "body")), _call.environment, _call.dag_id
    )
    .select_from(schema.completion)
    .outerjoin(schema.call, sa.and_(_call.call_id == _completion.call_id, _call.completion_id == _completion.id))
)

_MATCHED = _WITH_CALL.join(schema.unmatched, _unmatched.completion == _completion.id).where(
    _call.environment.is_not(None)
)


class CallHours:
    """Counts completions into their hours, for all environments of a store.

    :param database: the store's database.
    :param clock: seconds that only grow.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def count(self) -> bool:
        """Count some of what has come and was not counted yet. Several processes may do so at once.

        :return: whether there is more to be counted now.
        """
        newest = self._settled()
        with self._database.read() as tx:
            counted = counted_to(tx)
            new = _WITH_CALL.where(_completion.id > counted, _completion.id <= newest, _completion.first)
            rows = tx.execute(new.order_by(_completion.id).limit(AT_ONCE)).all()
            matched = tx.execute(_MATCHED).all()
        more = len(rows) == AT_ONCE
        up_to = rows[-1].id if more else max(newest, counted)
        if up_to == counted and not matched:
            return False
        # Bodies are read before others have to wait.
        hours = _hours([row for row in (*rows, *matched) if row.environment is not None])
        with self._database.write() as tx:
            if _hold(tx) != counted or not _take(tx, [row.id for row in matched]):
                # Somebody else was quicker.
                tx.rollback()
                return True
            _add(tx, hours)
            _leave(tx, [row.id for row in rows if row.environment is None])
            tx.execute(sa.update(schema.counted).values(completion=up_to))
        return more

    def _settled(self) -> int:
        """Give the id up to which nothing new can appear."""
        now = self._clock()
        with self._database.read() as tx:
            newest = tx.scalar(sa.select(sa.func.max(_completion.id))) or 0
        self._seen.append((now, newest))
        settled = 0
        while self._seen and self._seen[0][0] <= now - SETTLED:
            settled = self._seen.popleft()[1]
        if settled:
            # It stays so until a later one is.
            self._seen.appendleft((now - SETTLED, settled))
        return settled


def counted_to(tx: sa.Connection) -> int:
    """Tell up to which completion is counted."""
    return tx.scalar(sa.select(schema.counted.c.completion)) or 0


def _hold(tx: sa.Connection) -> int:
    """Tell up to which completion is counted; nobody else counts before the transaction ends."""
    tx.execute(schema.insert(tx, schema.counted).values(id=1, completion=0).on_conflict_do_nothing())
    return int(tx.execute(sa.select(schema.counted.c.completion).with_for_update()).scalar_one())


def _leave(tx: sa.Connection, ids: Sequence[int]) -> None:
    """Note completions that no call has, and forget the oldest of too many."""
    if not ids:
        return
    tx.execute(schema.unmatched.insert(), [{"completion": each} for each in ids])
    newest = sa.select(_unmatched.completion).order_by(_unmatched.completion.desc())
    oldest_kept = newest.offset(MAX_UNMATCHED).limit(1).scalar_subquery()
    tx.execute(sa.delete(schema.unmatched).where(_unmatched.completion <= oldest_kept))


def _take(tx: sa.Connection, ids: Sequence[int]) -> bool:
    """Note that a call has these completions by now; False where somebody else has done so."""
    if not ids:
        return True
    taken = sa.delete(schema.unmatched).where(_unmatched.completion.in_(ids))
    return tx.execute(taken).rowcount == len(ids)


def _hours(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Add completions of calls up by hour."""
    calls: Counter[tuple[str, datetime, str, str]] = Counter()
    seconds: Counter[tuple[str, datetime, str, str]] = Counter()
    for row in rows:
        start, talked = what_was_said(row)
        hour = (row.environment, start.replace(minute=0, second=0, microsecond=0), row.dag_id or "", row.outcome)
        calls[hour] += 1
        seconds[hour] += talked
    return [
        dict(zip(_HOUR, hour, strict=True)) | {"calls": calls[hour], "talk_seconds": seconds[hour]}
        for hour in sorted(calls)
    ]


def _add(tx: sa.Connection, hours: list[dict[str, Any]]) -> None:
    if hours:
        insert = schema.insert(tx, schema.call_hour)
        more = {name: _hour[name] + insert.excluded[name] for name in ("calls", "talk_seconds")}
        tx.execute(insert.on_conflict_do_update(index_elements=_HOUR, set_=more), hours)


def what_was_said(row: Any) -> tuple[datetime, int]:
    """Read when a call began, and for how many seconds people talked.

    :param row: of its completion.
    """
    received_at: datetime = row.received_at
    # The call and its outcome are of no interest here.
    said = stored_completion(row.body, "", "")
    start = said.start_time or received_at
    if not received_at - _LATE < start < received_at + _LATE:
        start = received_at
    return start, said.duration_seconds or 0
