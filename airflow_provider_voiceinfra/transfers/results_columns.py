"""The columns of the results table, whose rows are attempts of calls and list rows that were set aside."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from airflow_provider_voiceinfra.phone_numbers.e164 import mask

if TYPE_CHECKING:
    from airflow_provider_voiceinfra.store.lists.list_pages import ListRow
    from airflow_provider_voiceinfra.store.reads.attempts import Attempt

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def _nothing(_: object) -> None:
    return None


class Kind(Enum):
    """The kind of a column's values; its SQL type depends on the database."""

    NAME = "a short string"
    TEXT = "a string of any length"
    NUMBER = "a whole number"
    TIME = "a time, in UTC"


@dataclass(frozen=True, slots=True)
class Column:
    """A column, with its value for an attempt and for a list row that was set aside."""

    name: str
    kind: Kind
    of_attempt: Callable[[Attempt], Any] = _nothing
    of_row: Callable[[ListRow], Any] = _nothing


def is_name(text: object) -> bool:
    """Return whether a string is a valid name of a column or a table on every database, without quotes."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def columns_for(
    metadata_columns: Collection[str], completion_fields: Collection[str], called_number: str | None = None
) -> tuple[Column, ...]:
    """Return the columns: the standard ones, then the requested ones.

    :param called_number: ``masked`` or ``full``; None for no number.
    :raises ValueError: if a name is invalid or used twice.
    """
    columns = (
        *_COLUMNS,
        *([] if called_number is None else [_number_column(mask if called_number == "masked" else str)]),
        *(_metadata_column(name) for name in metadata_columns),
        *(Column(name, Kind.TEXT, _completion_field(name)) for name in completion_fields),
    )
    seen = set()
    for column in columns:
        if not is_name(column.name):
            raise ValueError(f"{column.name!r} is not a valid column name: use only letters, digits and _")
        if column.name.lower() in seen:
            raise ValueError(
                f"column {column.name!r} would exist twice: remove it, or rename it in the source of the calls"
            )
        seen.add(column.name.lower())
    return columns


def _number_column(shown: Callable[[str], str]) -> Column:
    # A row that was set aside may have no valid number.
    return Column(
        "called_number",
        Kind.NAME,
        lambda attempt: shown(attempt.call.to_number),
        lambda row: shown(row.to_number) if row.to_number else None,
    )


def _metadata_column(name: str) -> Column:
    return Column(
        name,
        Kind.TEXT,
        lambda attempt: _sql_value(attempt.call.metadata.get(name)),
        lambda row: _sql_value(row.metadata.get(name)),
    )


def _completion_field(name: str) -> Callable[[Attempt], Any]:
    def value(attempt: Attempt) -> Any:
        completion = attempt.call.completion
        return None if completion is None else _sql_value(completion.field(name))

    return value


def _sql_value(value: Any) -> Any:
    """Convert a value to one that every database accepts: dicts and lists become JSON."""
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    # Not every database can store NUL.
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value


def row_ref(row: ListRow) -> str:
    """Return the ref of a row that was set aside, which has no call."""
    return f"{row.list_id}/{row.position}"


def _of_call(name: str, kind: Kind, path: str = "", of_row: Callable[[ListRow], Any] = _nothing) -> Column:
    return Column(name, kind, attrgetter(f"call.{path or name}"), of_row)


def _of_completion(name: str, kind: Kind) -> Column:
    read = attrgetter(f"call.completion.{name}")
    return Column(name, kind, lambda attempt: None if attempt.call.completion is None else read(attempt))


_COLUMNS = (
    _of_call("ref", Kind.NAME, of_row=row_ref),
    Column("intent", Kind.NAME, attrgetter("intent"), row_ref),
    _of_call("attempt", Kind.NUMBER, of_row=attrgetter("attempt")),
    _of_call("seq", Kind.NUMBER, "id", of_row=lambda _: 0),
    _of_call("state", Kind.NAME, "state.value", of_row=attrgetter("state.value")),
    Column("reason", Kind.NAME, of_row=attrgetter("result")),
    _of_completion("outcome", Kind.NAME),
    _of_call("goal", Kind.NAME),
    _of_call("callback_at", Kind.TIME),
    _of_call("error_code", Kind.NAME),
    _of_call("call_id", Kind.NAME),
    _of_call("list_id", Kind.NAME, of_row=attrgetter("list_id")),
    _of_call("variant", Kind.NAME),
    Column("row_position", Kind.NUMBER, of_row=attrgetter("position")),
    Column("row_key", Kind.TEXT, of_row=lambda row: _sql_value(row.key)),
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
