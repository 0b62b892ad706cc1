"""The clock of the call store, its database's: hosts whose clocks differ agree on claims, deadlines and rules."""

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
"""How much a host's clock may differ from the database's before a warning is logged."""

# A host's clock that moves this much relative to its monotonic clock was set, or the host was suspended.
_STEP = timedelta(seconds=1)
# Seconds before a failed measurement is repeated.
_RETRY_INTERVAL = 5.0

_CLOCK, _TIME = "voiceinfra_clock", "voiceinfra_time"
# Not `now()`, which is the time at which a transaction began, before it waited for locks.
_DATABASE_TIME = sa.select(sa.func.clock_timestamp(type_=schema.UtcDateTime()))


class _Process:
    """State shared by all clocks of this process."""

    shift = timedelta(0)
    has_warned = False


@dataclass(frozen=True, slots=True)
class _Difference:
    """The measured difference between the database's clock and the host's.

    :param ahead: how far the database's clock is ahead.
    :param took: the duration of the query; the difference is exact to half of it.
    """

    ahead: timedelta
    took: timedelta
    host_time: datetime
    monotonic: float

    def is_trusted(self) -> bool:
        """Return whether it is still valid: it is recent, and the host's clock was not set since."""
        elapsed = timedelta(seconds=time.monotonic() - self.monotonic)
        return elapsed <= TRUSTED_FOR and abs(_host_time() - self.host_time - elapsed) <= _STEP


class Clock:
    """Reads the time of a store's database, or of the host for SQLite, which serves only one host.

    :param read: opens a read transaction.
    :param is_host: whether the database's clock is the host's.
    """

    def __init__(self, read: Callable[[], AbstractContextManager[sa.Connection]], *, is_host: bool) -> None:
        self._read = read
        self._is_host = is_host
        self._difference: _Difference | None = None
        self._retry_at = 0.0

    def begin(self, tx: sa.Connection) -> None:
        """Attach this clock to a transaction; see :func:`read_time`."""
        tx.info[_CLOCK], tx.info[_TIME] = self, None

    def read(self, tx: sa.Connection) -> datetime:
        """Read the clock in a transaction. Call it after taking locks, which may involve waiting.

        Costs one query on PostgreSQL, and none on SQLite.
        """
        clock_time = _host_time() if self._is_host else self._measure(tx)
        now = clock_time + _Process.shift
        tx.info[_TIME] = now
        return now

    def of_host(self, tx: sa.Connection, at: datetime) -> datetime:
        """Convert a past time of this host's clock to the database's; the result is never later than now.

        If the two clocks agree, the time is returned unchanged: a measured difference is inexact, and correcting by it
        could change the order of events.
        """
        now, known = time_of(tx), self._difference
        ahead = timedelta(0) if known is None or abs(known.ahead) <= TOLERATED else known.ahead
        return min(at + ahead + _Process.shift, now)

    def now(self) -> datetime:
        """Return the time without a query: the host's, corrected by the last measured difference.

        The difference is measured again after a minute; while the store is unavailable, the last one is used.
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
        database_time: datetime = tx.execute(_DATABASE_TIME).scalar_one()
        took = timedelta(seconds=time.monotonic() - began)
        # It was read at some time between the query and its result.
        ahead = database_time - host_time - took / 2
        known = self._difference
        if known is None or took <= known.took or not known.is_trusted():
            self._difference = _Difference(ahead, took, host_time, began)
        if abs(ahead) - took / 2 > TOLERATED:
            _warn(ahead)
        return database_time


def ahead() -> timedelta:
    """Return how far the clocks of this process are shifted."""
    return _Process.shift


def jump(by: timedelta) -> None:
    """Shift every clock of this process, for tests."""
    _Process.shift += by


@contextmanager
def shift(by: timedelta) -> Iterator[None]:
    """Shift every clock of this process, for a test. Nested shifts add up."""
    jump(by)
    try:
        yield
    finally:
        jump(-by)


def read_time(tx: sa.Connection) -> datetime:
    """Read the database's clock in one of its transactions; see :meth:`Clock.read`."""
    clock: Clock = tx.info[_CLOCK]
    return clock.read(tx)


def time_of(tx: sa.Connection) -> datetime:
    """Return the time that a transaction has read last, or read it."""
    last: datetime | None = tx.info[_TIME]
    return read_time(tx) if last is None else last


def of_host(tx: sa.Connection, at: datetime) -> datetime:
    """Convert a time of this host's clock in a transaction; see :meth:`Clock.of_host`."""
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
        "hours use the database's clock, so it must be correct; the times in this host's logs use the host's. "
        "Synchronize both with NTP (see `timedatectl status` or `chronyc tracking` on each).",
        seconds,
        "behind" if ahead > timedelta(0) else "ahead of",
    )
