"""The values of which the rows of call lists consist, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from airflow_provider_voiceinfra.store.models import CallState


class RowState(StrEnum):
    """How far a row has come."""

    PENDING = "pending"
    """To be called when it is due."""
    OPEN = "open"
    """Its call is going on, or is unknown."""
    DONE = "done"
    """It has its end state, see ``result``."""
    SET_ASIDE = "set_aside"
    """It is not called, because something is wrong with it."""
    DROPPED = "dropped"
    """It was not in the source any more when that was read again."""


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row as it was read and checked.

    :param position: in the source, from 1.
    :param key: the user's own, or None.
    :param fields: of the call, and ``timezone`` and ``not_after``.
    :param wrong: why it is set aside; None where nothing is wrong.
    :param priority: the highest is called first where lists are ordered by priority; None comes last.
    :param numbers: all its numbers in order, where it has several; ``to_number`` is the first.
    """

    position: int
    key: str | None = field(repr=False)
    to_number: str = field(repr=False)
    fields: Mapping[str, Any] = field(repr=False)
    metadata: Mapping[str, Any] = field(repr=False)
    wrong: str | None = None
    priority: float | None = None
    numbers: Sequence[str] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class DueRow:
    """A row of a list.

    :param import_version: of the import that it was read by last; a later import takes it over.
    :param attempt: that is due next, or is going on.
    :param call_ref: of its latest call.
    :param numbers: all its numbers in order, where it has several.
    :param next_number: the index of the one to call next; None to stay with ``to_number``.
    """

    id: int
    import_version: int
    position: int
    key: str | None = field(repr=False)
    to_number: str = field(repr=False)
    fields: Mapping[str, Any] = field(repr=False)
    metadata: Mapping[str, Any] = field(repr=False)
    attempt: int
    call_ref: str | None
    numbers: Sequence[str] = field(default=(), repr=False)
    next_number: int | None = 0

    @property
    def first_number(self) -> str:
        """The number that names it if it has no key, at whichever number it is called."""
        return self.numbers[0] if self.numbers else self.to_number


@dataclass(frozen=True, slots=True)
class RowCall:
    """The call of a row that is open, as the store knows it now.

    :param is_cancelled: whether its list was cancelled meanwhile; None for no.
    """

    row_id: int
    import_version: int
    attempt: int
    ref: str
    call_id: str | None
    state: CallState
    outcome: str | None
    completed_at: datetime | None
    to_number: str = field(repr=False)
    fields: Mapping[str, Any] = field(repr=False)
    numbers: Sequence[str] = field(repr=False)
    next_number: int | None
    is_cancelled: bool | None


@dataclass(frozen=True, slots=True)
class RowStep:
    """What becomes of a row.

    :param until: when it is due again; None where it has ended.
    :param attempt: that is due then.
    :param result: how it has ended.
    :param ended_at: None for now.
    :param next_number: the index of the number to call then, if it has several; None to stay with the last one.
    """

    row_id: int
    import_version: int
    until: datetime | None = None
    attempt: int = 1
    result: str | None = None
    ended_at: datetime | None = None
    next_number: int | None = 0
