"""Named cursors over completed calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from airflow_provider_voiceinfra.store import schema
from airflow_provider_voiceinfra.store.clock import time_of
from airflow_provider_voiceinfra.store.engine import Database
from airflow_provider_voiceinfra.store.feed.completed_calls import CompletedCall, CompletedCalls, CompletionFilter
from airflow_provider_voiceinfra.store.models import Call, Completion
from airflow_provider_voiceinfra.store.reads.call_reader import Calls

T = TypeVar("T")

NEW_CURSOR = timedelta(days=1)
"""How long before its first use a cursor begins, so that the call that started its reader is included."""

_cursor = schema.cursor.c


class Reading(Generic[T]):
    """Iterates over completed calls, in order.

    :param pages: reads pages of completed calls between two positions.
    :param load: loads the values for a page; None for a call that does not exist any more.
    :param position: the position up to which calls have been read or skipped.
    :param upto: the last position to read.
    """

    def __init__(
        self,
        pages: Callable[[int, int], Iterator[list[CompletedCall]]],
        load: Callable[[Sequence[CompletedCall]], Sequence[T | None]],
        wanted: CompletionFilter,
        position: int,
        upto: int,
    ) -> None:
        self.position = position
        self._pages = pages
        self._load = load
        self._wanted = wanted
        self._upto = upto

    def __iter__(self) -> Iterator[T]:
        """Yield the values; one counts as read when the next is requested, or the block ends."""
        for page in self._pages(self.position, self._upto):
            wanted = [call for call in page if self._wanted.includes(call)]
            for call, loaded in zip(wanted, self._load(wanted), strict=True):
                self.position = call.position
                if loaded is not None:
                    yield loaded
        self.position = self._upto


class Cursors:
    """Reads completed calls by a cursor, which moves if its reader raises no error.

    :param environment: each environment has its own cursors.
    """

    def __init__(self, database: Database, environment: str, completed: CompletedCalls, calls: Calls) -> None:
        self._database = database
        self._environment = environment
        self._completed = completed
        self._calls = calls

    def calls(self, name: str, wanted: CompletionFilter, since: datetime) -> AbstractContextManager[Iterator[Call]]:
        """Read calls that were placed here, see :meth:`_reading`."""

        def load(completed: Sequence[CompletedCall]) -> list[Call | None]:
            found = {call.id: call for call in self._calls.read([each.row_id for each in completed if each.row_id])}
            calls = [found.get(each.row_id or 0) for each in completed]
            return [call if call and call.completion else None for call in calls]

        return self._reading(name, load, wanted, since)

    def completions(
        self, name: str, wanted: CompletionFilter, since: datetime
    ) -> AbstractContextManager[Iterator[Completion]]:
        """Read completions of calls that were not placed here, see :meth:`_reading`."""
        return self._reading(name, lambda completed: [each.completion for each in completed], wanted, since)

    @contextmanager
    def _reading(
        self,
        name: str,
        load: Callable[[Sequence[CompletedCall]], Sequence[T | None]],
        wanted: CompletionFilter,
        since: datetime,
    ) -> Iterator[Iterator[T]]:
        """Yield the calls after the cursor; when the block ends without an error, the cursor moves past what was read.

        Two concurrent readers both get the same calls. Each has read everything from the cursor's position on, and the
        cursor never moves back: wherever the last reader leaves it, nothing before it was skipped.

        :param since: where a new cursor begins.
        """
        upto = self._completed.last_position()
        reading = Reading(self._completed.read, load, wanted, self._position(name, since), upto)
        yield iter(reading)
        self._move(name, reading.position)

    def _position(self, name: str, since: datetime) -> int:
        key = self._key(name)
        query = sa.select(_cursor.position).filter_by(**key)
        position: int | None = self._database.scalar(query)
        if position is None:
            # Stored now, so that after a failed first read the next one begins at the same position.
            row = {**key, "position": self._completed.position_before(since)}
            with self._database.write() as tx:
                row["moved_at"] = time_of(tx)
                tx.execute(schema.insert(tx, schema.cursor).values(row).on_conflict_do_nothing())
                position = tx.execute(query).scalar_one()
        return position

    def _move(self, name: str, position: int) -> None:
        update = sa.update(schema.cursor).filter_by(**self._key(name)).where(_cursor.position < position)
        with self._database.write() as tx:
            tx.execute(update.values(position=position, moved_at=time_of(tx)))

    def _key(self, name: str) -> dict[str, Any]:
        return {"environment": self._environment, "name": name}
