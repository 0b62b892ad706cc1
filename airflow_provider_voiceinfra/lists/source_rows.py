"""Converts a row of a warehouse to a row of a call list. Only the named columns are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from math import isfinite
from numbers import Integral, Number
from typing import Any
from uuid import UUID

from airflow_provider_voiceinfra.calls.account import Account
from airflow_provider_voiceinfra.calls.call_intent import CallIntent
from airflow_provider_voiceinfra.calls.keys import nameless_row_key, row_key
from airflow_provider_voiceinfra.calls.request import CallRequest, check_storable, plain_object, read_callee
from airflow_provider_voiceinfra.calls.values import own_type, plain_value
from airflow_provider_voiceinfra.errors import InvalidCallError, InvalidNumberError
from airflow_provider_voiceinfra.guard.calling_hours import CallingHours
from airflow_provider_voiceinfra.guard.constraints import CallConstraints, default_zone, read_timezone
from airflow_provider_voiceinfra.guard.validity import Place, Validity
from airflow_provider_voiceinfra.lists.column_mapping import FIELDS, ColumnMapping
from airflow_provider_voiceinfra.lists.personal_text import columns_of, fill
from airflow_provider_voiceinfra.lists.variants import Variant, choose_variant, texts_of
from airflow_provider_voiceinfra.phone_numbers.e164 import to_e164
from airflow_provider_voiceinfra.store.guard.rules import Cap
from airflow_provider_voiceinfra.store.lists.row_values import DueRow, NewRow
from airflow_provider_voiceinfra.store.models import Source

DUE_AGAIN = timedelta(seconds=60)
"""When a row of which nothing was sent is due again."""
# From here on, a float may stand for several whole numbers.
_EXACT = 2**53
# Longer whole numbers are not accepted as keys: converting them to strings is slow.
_DIGITS = 100
_TOO_LONG = 10**_DIGITS
_CAST = "cast its column to a string, or to an integer, alike in sql, suppress_sql and eligible_sql."


@dataclass(frozen=True, slots=True)
class CallDefaults:
    """The fields that all calls of a list share; a row's own fields take precedence.

    :param first_message: filled from the columns that it names, see :mod:`.personal_text`; so is ``context``.
    :param key_prefix: precedes each row's key, so that keys of different kinds of lists do not conflict.
    :param give_up_at: when the remaining rows are given up.
    """

    account: Account
    key_prefix: str
    agent_id: str | None = None
    from_number: str | Sequence[str] | None = field(default=None, repr=False)
    first_message: str | None = field(default=None, repr=False)
    context: str | None = field(default=None, repr=False)
    default_region: str | None = None
    calling_hours: CallingHours | None = None
    max_calls_per_number: tuple[Cap, ...] = ()
    calls_per_second: float | None = None
    max_minutes: int | None = None
    variants: Mapping[str, Variant] = field(default_factory=dict)
    give_up_at: datetime | None = None

    def read(self, position: int, row: Mapping[str, Any], columns: ColumnMapping) -> NewRow:
        """Check a row of the source; an invalid one is set aside, with its reason."""
        key, fields, step = None, {}, "key"
        try:
            if columns.key_column is not None:
                key = _key(row[columns.key_column.casefold()])
            step, fields = "to_number", columns.fields(row)
            numbers = self._numbers(columns.numbers(row), accept_integers=columns.are_typed)
            limits = {name: fields.pop(name, None) for name in ("timezone", "not_before", "not_after")}
            variant = self._variant(key, numbers)
            common = self._texts() | (self.variants[variant].fields() if variant else {})
            fields = {name: fill(name, text, row) for name, text in common.items() if name not in fields} | fields
            request = self._request(numbers, fields, columns.variables(row), accept_integers=columns.are_typed)
            step = "timezone"
            timezone = read_timezone(limits["timezone"])
            place = Place(timezone, request.to_number, default_zone(self.calling_hours, self.account.limits))
            step = "not_after"
            not_before, not_after = Validity.read(limits["not_before"], limits["not_after"]).at(place)
            step = "metadata"
            metadata = plain_object("metadata", columns.metadata(row)) or {}
            step = "priority"
            priority = None
            if columns.priority_column is not None:
                priority = _priority(row[columns.priority_column.casefold()])
        except (InvalidCallError, ArithmeticError, TypeError, ValueError) as error:
            # Types of drivers may raise errors of their own; the other rows continue.
            return NewRow(position, key, "", {}, _metadata(columns, row), wrong=_reason(error, step))
        kept = {
            "agent_id": request.agent_id,
            "from_number": request.from_number,
            "timezone": timezone,
            "not_before": not_before and not_before.isoformat(),
            "not_after": not_after and not_after.isoformat(),
            **({"is_caller_chosen": True} if request.is_caller_chosen else {}),
            **({"variant": variant} if variant else {}),
            **request.content(),
        }
        several = tuple(map(str, numbers)) if len(numbers) > 1 else ()
        return NewRow(position, key, request.to_number, kept, metadata, priority=priority, numbers=several)

    def intent(self, list_id: str, row: DueRow, source: Source, **options: Any) -> CallIntent:
        """Return the call of a row."""
        fields = dict(row.fields)
        variant = fields.pop("variant", None)
        not_before, not_after = (_time(fields.pop(name)) for name in ("not_before", "not_after"))
        until = min(filter(None, (not_after, self.give_up_at)), default=None)
        constraints = CallConstraints(
            self.calling_hours,
            fields.pop("timezone"),
            not_before,
            until,
            self.max_calls_per_number,
            self.calls_per_second,
            self.max_minutes,
        )
        request = CallRequest(to_number=row.to_number, **fields)
        which: dict[str, Any] = {"to_number": row.first_number, "attempt": row.attempt}
        others = tuple(number for number in row.numbers if number != row.to_number)
        key = nameless_row_key(list_id, **which) if row.key is None else row_key(self.key_prefix, row.key, **which)
        links: dict[str, Any] = {"list_id": list_id, "list_row": row.id, "other_numbers": others, "variant": variant}
        return CallIntent(key, request, source, row.metadata, constraints=constraints, **links, **options)

    def name_of(self, key_column: str | None) -> Callable[[object], str | None]:
        """Return a function that converts a value, a key or else a number, to the identifier of a row.

        It returns None for no value, and raises :class:`.InvalidCallError` for an invalid one.
        """
        region = self._region

        def of_number(value: object) -> str | None:
            number = plain_value(value)
            if number is None:
                return None
            try:
                # Rows with decimals are set aside, but a decimal that is exact identifies its callee.
                exact = _exact("number", number) if isinstance(number, Number) else number
                return to_e164(exact, field="number", region=region)
            except InvalidNumberError as error:
                if error.reason == "premium_rate":
                    # It is never on a list.
                    return None
                raise

        def of_key(value: object) -> str | None:
            return _key_text(value) or None

        return of_number if key_column is None else of_key

    def _texts(self) -> dict[str, str | None]:
        return {"first_message": self.first_message, "context": self.context}

    def text_columns(self) -> tuple[str, ...]:
        """Return the columns that the texts of all rows are filled from.

        :raises InvalidCallError: if a placeholder is more than the name of a column.
        """
        texts = [*self._texts().items(), *texts_of(self.variants)]
        return tuple(dict.fromkeys(column for name, text in texts for column in columns_of(name, text)))

    @property
    def _region(self) -> str | None:
        """The country of numbers without a country code."""
        return self.default_region or self.account.default_region

    def _variant(self, key: str | None, numbers: Sequence[object]) -> str | None:
        """Choose the variant of a row by its key, or else by its first number."""
        if not self.variants:
            return None
        first = next(iter(numbers), None)
        return choose_variant(self.variants, key or to_e164(first, field="to_number", region=self._region))

    def _numbers(self, given: Sequence[object], *, accept_integers: bool) -> list[object]:
        """Return a row's numbers; of several, those that are valid, each once. Without a valid one, the first."""
        if len(given) < 2:  # noqa: PLR2004
            return list(given)
        valid = dict[object, None]()
        for number in given:
            # Types of drivers may raise errors of their own.
            with suppress(InvalidCallError, ArithmeticError, TypeError, ValueError):
                valid[read_callee(number, self._region, accept_integers=accept_integers)] = None
        return list(valid) or list(given[:1])

    def _request(
        self,
        numbers: Sequence[object],
        fields: Mapping[str, Any],
        variables: Mapping[str, Any],
        *,
        accept_integers: bool,
    ) -> CallRequest:
        common = {"agent_id": self.agent_id, "from_number": self.from_number}
        given = {"to_number": next(iter(numbers), None), **common, **fields}
        return CallRequest.build(
            self.account,
            **given,
            variables=variables or None,
            default_region=self.default_region,
            accept_integers=accept_integers,
        )


def _metadata(columns: ColumnMapping, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an invalid row's metadata, if possible, by which its owner can find the row."""
    with suppress(InvalidCallError, ArithmeticError, TypeError, ValueError):
        return plain_object("metadata", columns.metadata(row)) or {}
    return {}


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _key(value: object) -> str:
    text = _key_text(value)
    if not text:
        raise InvalidCallError("key is empty")
    check_storable("key", text)
    return text


def _key_text(value: object) -> str:
    """Convert a key to a string: a whole number in the same way, whatever its type; no key to an empty string.

    :raises InvalidCallError: if it can be converted in more than one way.
    """
    own = own_type(value)
    plain = _exact("key", own) if isinstance(own, Number) else plain_value(own)
    if plain is None:
        return ""
    if isinstance(plain, str | int | UUID):
        return str(plain).strip()
    raise InvalidCallError(f"key is a {type(value).__name__}, which is neither a string nor a whole number: {_CAST}")


def _exact(name: str, number: object) -> int:
    whole = _whole(number)
    if whole is None:
        raise InvalidCallError(
            f"{name} is a {type(number).__name__} that is not a whole number, or is too large to be exact: {_CAST}"
        )
    return whole


def _whole(value: object) -> int | None:
    match value:
        case bool():
            return None
        case Integral() if abs(value) < _TOO_LONG:
            return int(value)
        case float() if value.is_integer() and abs(value) < _EXACT:
            return int(value)
        case Decimal() if value.is_finite() and value.adjusted() < _DIGITS and value == value.to_integral_value():
            return int(value)
        case _:
            return None


def _priority(value: object) -> float | None:
    plain = plain_value(value)
    if plain is None:
        return None
    # A string such as "1,500" or "high" has more than one order.
    if isinstance(plain, bool) or not isinstance(plain, int | float | Decimal) or not isfinite(plain):
        raise InvalidCallError("priority is not a finite number")
    return float(plain)


def _reason(error: Exception, step: str) -> str:
    """Return why a row is invalid: the reason of its number, or the field."""
    name = str(error).split(" ", 1)[0]
    if isinstance(error, InvalidNumberError) and name == "to_number":
        return error.reason
    return f"invalid_{name if name in {*FIELDS, 'variables', 'metadata', 'key'} else step}"
