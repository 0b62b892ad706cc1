"""The columns of the results table: one row is one attempt."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_voiceinfra.store.attempts import Attempt

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Kind(Enum):
    """What a column holds; its type depends on the database."""

    NAME = "a short text"
    TEXT = "a text of any length"
    NUMBER = "a whole number"
    TIME = "a time, in UTC"


@dataclass(frozen=True, slots=True)
class Column:
    """A column.

    :param value: of an attempt.
    """

    name: str
    kind: Kind
    value: Callable[[Attempt], Any]


def is_name(text: object) -> bool:
    """Tell whether every database takes a text as the name of a column or a table, without quotes."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def columns_for(metadata_columns: Collection[str], completion_fields: Collection[str]) -> tuple[Column, ...]:
    """Give the columns: those of every attempt, then what was asked for.

    :raises ValueError: if one cannot be a column, or there would be two of a name.
    """
    columns = (
        *_COLUMNS,
        *(Column(name, Kind.TEXT, _metadata(name)) for name in metadata_columns),
        *(Column(name, Kind.TEXT, _said(name)) for name in completion_fields),
    )
    seen = set()
    for column in columns:
        if not is_name(column.name):
            raise ValueError(f"{column.name!r} cannot be a column: use letters, digits and _ only")
        if column.name.lower() in seen:
            raise ValueError(f"there would be two columns {column.name!r}: name yours otherwise, in its own query")
        seen.add(column.name.lower())
    return columns


def _metadata(name: str) -> Callable[[Attempt], Any]:
    return lambda attempt: _plain(attempt.call.metadata.get(name))


def _said(name: str) -> Callable[[Attempt], Any]:
    def value(attempt: Attempt) -> Any:
        completion = attempt.call.completion
        return None if completion is None else _plain(completion.field(name))

    return value


def _plain(value: Any) -> Any:
    """Make a value that databases take: JSON where it has parts."""
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    # Not every database can keep the character.
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value


def _of_call(name: str, kind: Kind, path: str = "") -> Column:
    return Column(name, kind, attrgetter(f"call.{path or name}"))


def _of_completion(name: str, kind: Kind) -> Column:
    read = attrgetter(f"call.completion.{name}")
    return Column(name, kind, lambda attempt: None if attempt.call.completion is None else read(attempt))


_COLUMNS = (
    _of_call("ref", Kind.NAME),
    Column("intent", Kind.NAME, attrgetter("intent")),
    _of_call("attempt", Kind.NUMBER),
    _of_call("seq", Kind.NUMBER, "id"),
    _of_call("state", Kind.NAME, "state.value"),
    _of_completion("outcome", Kind.NAME),
    _of_call("error_code", Kind.NAME),
    _of_call("call_id", Kind.NAME),
    _of_call("list_id", Kind.NAME),
    _of_call("dag_id", Kind.NAME, "source.dag_id"),
    _of_call("run_id", Kind.NAME, "source.run_id"),
    _of_call("task_id", Kind.NAME, "source.task_id"),
    _of_call("map_index", Kind.NUMBER, "source.map_index"),
    _of_call("agent_id", Kind.NAME),
    _of_call("claimed_at", Kind.TIME),
    _of_call("queued_at", Kind.TIME),
    _of_call("completed_at", Kind.TIME),
    _of_completion("start_time", Kind.TIME),
    _of_completion("end_time", Kind.TIME),
    _of_completion("duration_seconds", Kind.NUMBER),
)
