"""Which rows of a list may be dialled: its pilot first, after which a person decides about the rest."""

from __future__ import annotations

import logging
from datetime import datetime

from airflow_provider_voiceinfra.store.call_store import CallStore
from airflow_provider_voiceinfra.store.lists.row_values import DueRow

log = logging.getLogger(__name__)


class RowQueue:
    """The rows that a list may dial now: by priority if it has one, and during its pilot only those in the pilot.

    :param by_priority: rows with the highest priority first.
    :param pilot: after how many rows the list pauses itself; None for no pilot.
    """

    def __init__(self, store: CallStore, list_id: str, *, by_priority: bool = False, pilot: int | None = None) -> None:
        self._store = store
        self._list_id = list_id
        self._by_priority = by_priority
        self._pilot = pilot

    def due(self, count: int) -> list[DueRow]:
        """Return rows that are due."""
        now, size = self._store.database.clock.now(), self._size()
        if size is None:
            return self._store.list_rows.due(self._list_id, now, count, by_priority=self._by_priority)
        return self._store.pilots.due(self._list_id, size, now, count, by_priority=self._by_priority)

    def next_due(self) -> datetime | None:
        """Return when the next row is due; None if none is."""
        size = self._size()
        if size is None:
            return self._store.list_rows.next_due(self._list_id)
        return self._store.pilots.next_due(self._list_id, size)

    def end_pilot(self) -> None:
        """Pause the list if the calls of its pilot have ended, and other rows are left."""
        size = self._size()
        outcomes = None if size is None else self._store.pilots.outcomes(self._list_id, size)
        if outcomes is None or self._store.list_rows.next_due(self._list_id) is None:
            return
        counted = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common())
        reason = f"its pilot of {outcomes.total()} rows has ended: {counted}"
        if self._store.pilots.end(self._list_id, reason):
            log.warning(
                "List %s is paused, because %s. Look at these calls; then `airflow voiceinfra resume --list %s` lets "
                "it go on, or cancels it.",
                self._list_id,
                reason,
                self._list_id,
            )

    def _size(self) -> int | None:
        """Return how many rows are in the pilot; None once it is over, which it stays."""
        if self._pilot is not None and self._store.pilots.is_over(self._list_id):
            self._pilot = None
        return self._pilot
