"""Maps the columns of a call list's source to fields of calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from airflow_provider_voiceinfra.arguments import mapping, names, wrong
from airflow_provider_voiceinfra.calls.values import plain_value
from airflow_provider_voiceinfra.errors import InvalidCallError

FIELDS = ("to_number", "agent_id", "from_number", "first_message", "context", "timezone", "not_before", "not_after")
"""The fields that a column may be mapped to."""


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """The columns of the source that are read. Names are case-insensitive.

    :param column_map: columns by field, such as ``{"to_number": "phone"}``; a field without an entry is read from the
        column of its own name. ``to_number`` may have several, in the order in which they are called.
    :param variable_columns: columns that are sent to the agent as ``variables``.
    :param metadata_columns: columns that are stored with the call, and not sent.
    :param key_column: the column that identifies a row in all lists with the same prefix; None for its number, in this
        list.
    :param priority_column: the column that orders the rows; None for the order of the source.
    :param text_columns: columns that fill placeholders of the list's texts.
    :param are_typed: whether the source is a query or a data frame, whose numbers may be integers.
    """

    column_map: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    variable_columns: Sequence[str] = ()
    metadata_columns: Sequence[str] = ()
    key_column: str | None = None
    priority_column: str | None = None
    text_columns: Sequence[str] = ()
    are_typed: bool = False

    def check(self, present: Sequence[str]) -> None:
        """Check that the source has the columns.

        :param present: the names of its columns, see :func:`folded`.
        :raises InvalidCallError: if one is missing.
        """
        wanted = [str(column) for name, column in self.column_map.items() if name != "to_number"]
        columns = [*self.variable_columns, *self.metadata_columns, *self.text_columns]
        named = [*self._number_columns, *wanted, *columns, self.key_column, self.priority_column]
        missing = [name for name in named if name is not None and name.casefold() not in present]
        if missing:
            raise InvalidCallError(
                f"The source has no column {missing[0]!r}; it has {', '.join(present)}. {_nearest(missing[0], present)}"
                "Name the column in column_map, such as {'to_number': 'phone'}, or in the query."
            )

    def fields(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of the call that have a value, without its numbers."""
        columns = {name: str(self.column_map.get(name, name)).casefold() for name in FIELDS if name != "to_number"}
        values = {name: plain_value(row.get(column)) for name, column in columns.items()}
        return {name: value for name, value in values.items() if value is not None}

    def numbers(self, row: Mapping[str, Any]) -> list[Any]:
        """Return the numbers of the callee that have a value, in the order in which they are called."""
        values = [plain_value(row.get(column.casefold())) for column in self._number_columns]
        return [value for value in values if value is not None]

    @property
    def _number_columns(self) -> Sequence[str]:
        columns = self.column_map.get("to_number", "to_number")
        return (columns,) if isinstance(columns, str) else columns

    def variables(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the variables of the call."""
        return {name: row[name.casefold()] for name in self.variable_columns}

    def metadata(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the metadata of the call."""
        return {name: row[name.casefold()] for name in self.metadata_columns}


def read_column_map(given: object) -> dict[str, str | Sequence[str]]:
    """Check a column map. Only ``to_number`` may have several columns, in order.

    :raises TypeError: if it is not a dict of strings, apart from that.
    :raises ValueError: as :func:`check_fields`, or if ``to_number`` has an empty list.
    """
    numbers = given.get("to_number") if isinstance(given, Mapping) else None
    if not isinstance(given, Mapping) or not isinstance(numbers, list | tuple):
        checked: dict[str, str | Sequence[str]] = {**mapping("column_map", given)}
    else:
        argument = "column_map['to_number']"
        if not names(argument, numbers):
            raise ValueError(wrong(argument, "a column, or a list of columns", numbers))
        others = {field: column for field, column in given.items() if field != "to_number"}
        several = tuple(numbers) if len(numbers) > 1 else numbers[0]
        checked = {"to_number": several, **mapping("column_map", others)}
    check_fields(checked)
    return checked


def check_fields(column_map: Mapping[str, object]) -> None:
    """Check that a column map has only known fields: a limit in a misspelt one would have no effect.

    :raises ValueError: if one is unknown.
    """
    for name in column_map:
        if name not in FIELDS:
            raise ValueError(
                f"column_map has a field {name!r}, which does not exist. {_nearest(name, FIELDS)}The fields are "
                f"{', '.join(FIELDS)}; write them on the left, such as {{'to_number': 'phone'}}"
            )


def folded(names: Sequence[Any]) -> list[str]:
    """Return the names of a source's columns in lower case.

    :raises InvalidCallError: if two of them are the same then.
    """
    lower = [str(name).casefold() for name in names]
    twice = sorted({name for name in lower if lower.count(name) > 1})
    if twice:
        raise InvalidCallError(
            f"The source has more than one column {twice[0]!r}, where upper and lower case are the same: name each "
            "column once, with AS in a query."
        )
    return lower


def _nearest(name: str, known: Sequence[str]) -> str:
    found = get_close_matches(name.casefold(), known, n=1, cutoff=0.5)
    return f"Did you mean {found[0]!r}? " if found else ""
