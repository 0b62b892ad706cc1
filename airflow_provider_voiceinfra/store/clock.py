"""The one clock of the call store: its database's. Hosts whose clocks differ agree on claims, deadlines and rules."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.errors import StoreError

log = logging.getLogger(__name__)

TRUSTED_FOR = timedelta(seconds=60)
"""How long a measured difference is used before it is measured again."""
TOLERATED = timedelta(seconds=5)
"""By how much a host's clock may differ from the database's before a warning says so."""

# A host's clock that moves this much against its own monotonic clock was set, or the host was asleep.
_STEP = timedelta(seconds=1)
# Seconds without another measurement after one that failed.
_RETRY_INTERVAL = 5.0

_CLOCK, _TIME = "voiceinfra_clock", "voiceinfra_time"
# `now()` is the time at which a transaction began: before it waited for its locks.
_DATABASE_TIME = sa.select(sa.func.clock_timestamp(type_=schema.UtcDateTime()))


class _Process:
    """What all clocks of this process share."""

    shift = timedelta(0)
    has_warned = False


@dataclass(frozen=True, slots=True)
class _Difference:
    """By how much the database's clock was ahead of the host's, when both were read.

    :param took: how long reading the database's took: it is exact to half of that.
    """

    ahead: timedelta
    took: timedelta
    host_time: datetime
    monotonic: float

    def is_trusted(self) -> bool:
        """Tell whether it still holds: it is not old, and the host's clock was not set since."""
        elapsed = timedelta(seconds=time.monotonic() - self.monotonic)
        return elapsed <= TRUSTED_FOR and abs(_host_time() - self.host_time - elapsed) <= _STEP


class Clock:
    """Tells the time of a store's database; of the host, where that is SQLite, which serves one host only.

    :param read: opens a transaction that reads.
    """

    def __init__(self, read: Callable[[], AbstractContextManager[sa.Connection]], *, is_host: bool) -> None:
        self._read = read
        self._is_host = is_host
        self._difference: _Difference | None = None
        self._retry_at = 0.0

    def begin(self, tx: sa.Connection) -> None:
        """Let a transaction find this clock; see :func:`read_time`."""
        tx.info[_CLOCK], tx.info[_TIME] = self, None

    def read(self, tx: sa.Connection) -> datetime:
        """Read the clock in a transaction. To be called after its locks are taken, which may have been waited for.

        Costs one query on PostgreSQL, and none on SQLite.
        """
        told = _host_time() if self._is_host else self._measure(tx)
        now = told + _Process.shift
        tx.info[_TIME] = now
        return now

    def of_host(self, tx: sa.Connection, at: datetime) -> datetime:
        """Give the database's time at which this host's clock told another; what has been is never later than now.

        Where the two agree, it is the host's: a measured difference is not exact, and would change the order.
        """
        now, known = time_of(tx), self._difference
        ahead = timedelta(0) if known is None or abs(known.ahead) <= TOLERATED else known.ahead
        return min(at + ahead + _Process.shift, now)

    def now(self) -> datetime:
        """Give the time without a query: the host's, corrected by how much it differed when that was measured last.

        Measures it where that was more than a minute ago; where the store is away, the last difference is used.
        """
        return _host_time() + self._ahead() + _Process.shift

    def _ahead(self) -> timedelta:
        if self._is_host:
            return timedelta(0)
        known = self._difference
        if (known is None or not known.is_trusted()) and time.monotonic() >= self._retry_at:
            try:
                with self._read() as tx:
                    self._measure(tx)
            except StoreError:
                self._retry_at = time.monotonic() + _RETRY_INTERVAL
        known = self._difference
        return timedelta(0) if known is None else known.ahead

    def _measure(self, tx: sa.Connection) -> datetime:
        host_time, began = _host_time(), time.monotonic()
        told: datetime = tx.execute(_DATABASE_TIME).scalar_one()
        took = timedelta(seconds=time.monotonic() - began)
        # It was read at some time between the question and the answer.
        ahead = told - host_time - took / 2
        known = self._difference
        if known is None or took <= known.took or not known.is_trusted():
            self._difference = _Difference(ahead, took, host_time, began)
        if abs(ahead) - took / 2 > TOLERATED:
            _warn(ahead)
        return told


@contextmanager
def shift(by: timedelta) -> Iterator[None]:
    """Let every clock of this process tell another time, for tests. Shifts inside each other add up."""
    _Process.shift += by
    try:
        yield
    finally:
        _Process.shift -= by


def read_time(tx: sa.Connection) -> datetime:
    """Read the database's clock in one of its transactions; see :meth:`Clock.read`."""
    clock: Clock = tx.info[_CLOCK]
    return clock.read(tx)


def time_of(tx: sa.Connection) -> datetime:
    """Give the time that a transaction has read last; reads it where it has not."""
    last: datetime | None = tx.info[_TIME]
    return read_time(tx) if last is None else last


def of_host(tx: sa.Connection, at: datetime) -> datetime:
    """Translate a time of this host's clock in a transaction; see :meth:`Clock.of_host`."""
    clock: Clock = tx.info[_CLOCK]
    return clock.of_host(tx, at)


def _host_time() -> datetime:
    return datetime.now(UTC)


def _warn(ahead: timedelta) -> None:
    if _Process.has_warned:
        return
    _Process.has_warned = True
    seconds = timedelta(seconds=round(abs(ahead).total_seconds()))
    log.warning(
        "The clock of this host is %s %s the clock of the call store's database. Claims, deadlines, limits and calling "
        "hours follow the database's clock, so it must be right; the times in this host's logs follow the host's. "
        "Synchronize both by NTP (see `timedatectl status` or `chronyc tracking` on each).",
        seconds,
        "behind" if ahead > timedelta(0) else "ahead of",
    )
