"""The request for one call."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from airflow_provider_voiceinfra.calls.account import Account
from airflow_provider_voiceinfra.calls.values import plain_json
from airflow_provider_voiceinfra.errors import InvalidCallError, InvalidNumberError
from airflow_provider_voiceinfra.phone_numbers.caller_id import choose_caller_id
from airflow_provider_voiceinfra.phone_numbers.e164 import REASONS, to_e164

_LONGEST_ID = 255
# NUL, and halves of characters beyond 16 bits: PostgreSQL keeps neither.
_NOT_STORABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class CallRequest:
    """The body of ``POST /calls/outbound``; numbers are E.164."""

    agent_id: str
    from_number: str = field(repr=False)
    to_number: str = field(repr=False)
    first_message: str | None = field(default=None, repr=False)
    context: str | None = field(default=None, repr=False)
    variables: dict[str, Any] | None = field(default=None, repr=False)
    is_caller_chosen: bool = False
    """Whether ``from_number`` was chosen among several, so that it is not part of the fingerprint."""

    @classmethod
    def build(
        cls,
        account: Account,
        *,
        to_number: object,
        agent_id: object = None,
        from_number: object = None,
        first_message: str | None = None,
        context: str | None = None,
        variables: Mapping[str, Any] | None = None,
        default_region: str | None = None,
        accept_integers: bool = False,
    ) -> CallRequest:
        """Check every field, with the connection's values as defaults.

        :param from_number: one number or several: a sequence, or separated by commas; see :func:`choose_caller_id`.
        :param accept_integers: numbers are from a column of a table, none of which has a ``+``.
        :raises InvalidCallError: for the first invalid field.
        """
        region = default_region or account.default_region
        callee = read_callee(to_number, region, accept_integers=accept_integers)
        given = _required("from_number", from_number, account.from_number, account)
        callers = _caller_ids(given, region, accept_integers=accept_integers)
        return cls(
            agent_id=_id("agent_id", _required("agent_id", agent_id, account.agent_id, account)),
            from_number=choose_caller_id(callers, callee),
            to_number=callee,
            first_message=_text("first_message", first_message),
            context=_text("context", context),
            variables=plain_object("variables", variables),
            is_caller_chosen=len(callers) > 1,
        )

    def content(self) -> dict[str, Any]:
        """Return the content of the call: the request without agent and numbers."""
        content = {"first_message": self.first_message, "context": self.context, "variables": self.variables}
        return {name: value for name, value in content.items() if value is not None}

    def body(self) -> dict[str, Any]:
        """Return the JSON object to send."""
        return {
            "agent_id": self.agent_id,
            "from_number": self.from_number,
            "to_number": self.to_number,
            **self.content(),
        }

    def fingerprint(self) -> dict[str, str]:
        """Hash each field, to find out later which ones differ."""
        asked = self.body()
        if self.is_caller_chosen:
            del asked["from_number"]
        return {
            name: hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
            for name, value in asked.items()
        }


def read_callee(number: object, region: str | None, *, accept_integers: bool) -> str:
    """Read a callee's number.

    :raises InvalidNumberError: if it is not valid, or can be read in two ways.
    """
    if not accept_integers:
        _check_is_text("to_number", number)
    return to_e164(number, field="to_number", region=region)


def plain_object(name: str, value: object) -> dict[str, Any] | None:
    """Turn a mapping into a plain JSON object: dates, decimals and UUIDs become strings, and NaN null.

    :raises InvalidCallError: if it is not a mapping of strings to JSON values.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise InvalidCallError(
            f"{name} must be an object such as {{'name': 'Sarah'}}, not {type(value).__name__}: pass a dict, "
            "or the output of a task (`my_task.output`), or set render_template_as_native_obj on the DAG."
        )
    try:
        plain: dict[str, Any] = json.loads(json.dumps(plain_json(value), default=_as_text, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        raise InvalidCallError(f"{name} contains a value that is not valid in JSON: use strings and numbers.") from None
    check_storable(name, json.dumps(plain, ensure_ascii=False).replace(r"\\", "").replace(r"\u0000", "\0"))
    return plain


def _as_text(value: object) -> str:
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    raise TypeError


def _required(name: str, value: object, default: str | None, account: Account) -> object:
    given = default if value is None or value == "" else value
    if given is None or (isinstance(given, str) and not given.strip()):
        raise InvalidCallError(
            f"{name} is missing: pass it, or set it on the connection {account.conn_id!r} once for all calls."
        )
    return given


def _caller_ids(given: object, region: str | None, *, accept_integers: bool) -> list[str]:
    parts = given.split(",") if isinstance(given, str) else given
    if isinstance(parts, Sequence | Set) and not isinstance(parts, str | bytes):
        numbers = [part for part in parts if not isinstance(part, str) or part.strip()]
    else:
        numbers = [parts]
    if not numbers:
        raise InvalidCallError("from_number is empty: pass a number of the account, or omit it.")
    for number in numbers:
        if not accept_integers:
            _check_is_text("from_number", number)
    return list(dict.fromkeys(to_e164(number, field="from_number", region=region) for number in numbers))


def _id(name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidCallError(f"{name} must be a string, not {type(value).__name__}.")
    text = str(value).strip()
    if len(text) > _LONGEST_ID or not text.isprintable():
        raise InvalidCallError(f"{name} is not a valid id: use at most {_LONGEST_ID} printable characters.")
    return text


def _check_is_text(name: str, number: object) -> None:
    """Reject an integer, which has no ``+`` and no leading zeros, so that it may be another number."""
    if number is not None and not isinstance(number, str):
        raise InvalidNumberError(f"{name} {REASONS['not_text']}", "not_text")


def _text(name: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise InvalidCallError(f"{name} must be a string, not {type(value).__name__}.")
    if value is not None:
        check_storable(name, value)
    return value


def check_storable(name: str, text: str) -> None:
    """Reject a string with a NUL or a lone surrogate, which not every database can store.

    :raises InvalidCallError: if it has one.
    """
    if _NOT_STORABLE.search(text):
        raise InvalidCallError(f"{name} contains a NUL or half a character, which cannot be stored: remove it.")
