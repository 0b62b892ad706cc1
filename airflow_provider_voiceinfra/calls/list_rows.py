"""From a warehouse's row to a row of a call list: only the columns that were named are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from numbers import Integral, Number
from typing import Any

from airflow_provider_voiceinfra.calls.account import Account
from airflow_provider_voiceinfra.calls.calling_hours import CallingHours
from airflow_provider_voiceinfra.calls.errors import InvalidCallError
from airflow_provider_voiceinfra.calls.guard import Wishes
from airflow_provider_voiceinfra.calls.intent import CallIntent
from airflow_provider_voiceinfra.calls.keys import nameless_row_key, row_key
from airflow_provider_voiceinfra.calls.numbers import to_e164
from airflow_provider_voiceinfra.calls.request import CallRequest, check_storable, plain_object
from airflow_provider_voiceinfra.store.list_rows import ListRow, NewRow
from airflow_provider_voiceinfra.store.records import Source

FIELDS = ("to_number", "agent_id", "from_number", "first_message", "context", "timezone", "not_after")
"""What a column may be."""
DUE_AGAIN = timedelta(seconds=60)
"""After which a row of which nothing was sent is due again."""
_EXACT = 2**53
"""From here on a float stands for more than one whole number."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of the source are read, and what they are.

    :param column_map: their column by our field, such as ``{"to_number": "phone"}``; a column that is named like a
        field is that field.
    :param variable_columns: are sent to the agent as ``variables``.
    :param metadata_columns: stay with the call here.
    :param key_column: what names a row, in all lists with the same prefix; None for its number, in this list.
    :param are_typed: whether the source is a query or a data frame, whose columns may keep numbers as integers.
    """

    column_map: Mapping[str, str] = field(default_factory=dict)
    variable_columns: Sequence[str] = ()
    metadata_columns: Sequence[str] = ()
    key_column: str | None = None
    are_typed: bool = False

    def check(self, present: Sequence[str]) -> None:
        """Make sure that the source has the columns.

        :raises InvalidCallError: if one is missing; names it.
        """
        wanted = {"to_number": self.column_map.get("to_number", "to_number"), **self.column_map}
        named = [*wanted.values(), *self.variable_columns, *self.metadata_columns, self.key_column]
        missing = [name for name in named if name is not None and name not in present]
        if missing:
            raise InvalidCallError(
                f"The source has no column {missing[0]!r}; it has {', '.join(present)}. Name the column in column_map, "
                "such as {'to_number': 'phone'}, or in the query."
            )

    def fields(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Pick the fields of the call."""
        columns = {name: self.column_map.get(name, name) for name in FIELDS}
        return {name: row[column] for name, column in columns.items() if row.get(column) is not None}


@dataclass(frozen=True, slots=True)
class Template:
    """What all calls of a list have in common; a row's own fields come before it.

    :param key_prefix: before each row's key, so that lists of different kinds do not meet.
    :param give_up_at: when nobody is dialled any more.
    """

    account: Account
    key_prefix: str
    agent_id: str | None = None
    from_number: str | None = field(default=None, repr=False)
    first_message: str | None = field(default=None, repr=False)
    context: str | None = field(default=None, repr=False)
    default_region: str | None = None
    calling_hours: CallingHours | None = None
    calls_per_second: float | None = None
    give_up_at: datetime | None = None

    def read(self, position: int, row: Mapping[str, Any], columns: Columns) -> NewRow:
        """Check a row of the source; one that will not do is set aside, with the name of what is wrong."""
        fields = columns.fields(row)
        wishes = {name: fields.pop(name, None) for name in ("timezone", "not_after")}
        step = "to_number"
        try:
            variables = {name: row[name] for name in columns.variable_columns}
            request = self._request(fields, variables, accept_integers=columns.are_typed)
            step = "timezone_or_not_after"
            checked = Wishes.build(None, wishes["timezone"], _moment(wishes["not_after"]))
            step = "metadata"
            metadata = plain_object("metadata", {name: row[name] for name in columns.metadata_columns}) or {}
            step = "key"
            key = None if columns.key_column is None else _key(row[columns.key_column])
        except InvalidCallError as error:
            return NewRow(position, None, "", {}, {}, wrong=_what(str(error), step))
        not_after = None if checked.not_after is None else checked.not_after.isoformat()
        kept = {
            "agent_id": request.agent_id,
            "from_number": request.from_number,
            "timezone": checked.timezone,
            "not_after": not_after,
            **request.words(),
        }
        return NewRow(position, key, request.to_number, kept, metadata)

    def intent(self, list_id: str, row: ListRow, source: Source, **options: Any) -> CallIntent:
        """Say which call a row asks for."""
        fields = dict(row.fields)
        wishes = Wishes.build(self.calling_hours, fields.pop("timezone"), fields.pop("not_after"))
        until = min(filter(None, (wishes.not_after, self.give_up_at)), default=None)
        wishes = replace(wishes, not_after=until, calls_per_second=self.calls_per_second)
        request = CallRequest(to_number=row.to_number, **fields)
        which: dict[str, Any] = {"to_number": row.to_number, "attempt": row.attempt}
        key = nameless_row_key(list_id, **which) if row.key is None else row_key(self.key_prefix, row.key, **which)
        links: dict[str, Any] = {"list_id": list_id, "list_row": row.id}
        return CallIntent(key, request, source, row.metadata, wishes=wishes, **links, **options)

    def name_of(self, key_column: str | None) -> Callable[[object], str | None]:
        """Give what makes the name of a row out of a value: of its key, else of its number.

        It raises :class:`.InvalidCallError` for what cannot be a key: nobody knows whom that names.
        """

        def of_number(value: object) -> str | None:
            try:
                region = self.default_region or self.account.default_region
                # Rows with decimals are refused; whoever has cancelled is named by them all the same.
                return to_e164(_key_text(value), field="number", region=region)
            except InvalidCallError:
                # A number that cannot be called is on no list.
                return None

        def of_key(value: object) -> str | None:
            return _key_text(value) or None

        return of_number if key_column is None else of_key

    def _request(
        self, fields: Mapping[str, Any], variables: Mapping[str, Any], *, accept_integers: bool
    ) -> CallRequest:
        common = {
            "agent_id": self.agent_id,
            "from_number": self.from_number,
            "first_message": self.first_message,
            "context": self.context,
        }
        given = {"to_number": None, **common, **fields}
        return CallRequest.build(
            self.account,
            **given,
            variables=variables or None,
            default_region=self.default_region,
            accept_integers=accept_integers,
        )


def _key(value: object) -> str:
    text = _key_text(value)
    if not text:
        raise InvalidCallError("key is empty")
    check_storable("key", text)
    return text


def _key_text(value: object) -> str:
    """Write a key: the same whole number in the same way, whatever type a driver or a data frame makes of it.

    :return: empty where there is none.
    :raises InvalidCallError: if it is a number that may be written in more than one way.
    """
    if value is None:
        return ""
    if not isinstance(value, Number):
        return str(value).strip()
    whole = _whole(value)
    if whole is None:
        raise InvalidCallError(
            f"key is a {type(value).__name__} that is no whole number, or too large to be exact: cast its column to a "
            "text, or to an integer, alike in sql, suppress_sql and still_due_sql."
        )
    return str(whole)


def _whole(value: object) -> int | None:
    match value:
        case bool():
            return None
        case Integral():
            return int(value)
        case float() if value.is_integer() and abs(value) < _EXACT:
            return int(value)
        case Decimal() if value.is_finite() and value == value.to_integral_value():
            return int(value)
        case _:
            return None


def _moment(value: object) -> datetime | str | None:
    """Read a column's time; one that the warehouse keeps without a zone is UTC, as its sessions are."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        raise InvalidCallError("not_after is a date without a time")
    return None if value is None else str(value)


def _what(message: str, step: str) -> str:
    """Name what is wrong with a row: the field that the message begins with."""
    name = message.split(" ", 1)[0]
    return f"invalid_{name if name in {*FIELDS, 'variables', 'metadata', 'key'} else step}"
