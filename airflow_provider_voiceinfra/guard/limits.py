"""The limits of a connection, which apply to all its calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from airflow_provider_voiceinfra.errors import InvalidCallError
from airflow_provider_voiceinfra.guard.calling_hours import CallingHours
from airflow_provider_voiceinfra.phone_numbers.e164 import to_e164

T = TypeVar("T")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a connection limits; None for what it does not.

    :param allowed_numbers: in E.164; only these may be called.
    :param calling_hours: the outermost ones; a DAG may only be stricter.
    """

    allowed_numbers: frozenset[str] | None = field(default=None, repr=False)
    max_calls_per_day: int | None = None
    max_in_flight: int | None = None
    calls_per_second: float | None = None
    min_interval_per_number: timedelta | None = None
    calling_hours: CallingHours | None = None


def read_limits(extra: Mapping[str, Any], *, conn_id: str) -> Limits:
    """Read the limits from a connection's fields. One that cannot be read stops every call: it may be the only one.

    :raises InvalidCallError: if one cannot be read; names it.
    """

    def read(name: str, parse: Callable[[str], T]) -> T | None:
        text = str(extra.get(name) if extra.get(name) is not None else "").strip()
        if not text:
            return None
        try:
            return parse(text)
        except (ValueError, InvalidCallError) as error:
            raise InvalidCallError(
                f"{name} of connection {conn_id!r} cannot be read: {error}. No call is placed until it is fixed."
            ) from None

    region = extra.get("default_region") or None
    return Limits(
        allowed_numbers=read("allowed_numbers", lambda text: _numbers(text, region)),
        max_calls_per_day=read("max_calls_per_day", _whole),
        max_in_flight=read("max_in_flight", _whole),
        calls_per_second=read("calls_per_second", _rate),
        min_interval_per_number=read("min_interval_per_number", _interval),
        calling_hours=read("calling_hours", CallingHours.parse),
    )


def _numbers(text: str, region: str | None) -> frozenset[str]:
    return frozenset(to_e164(part, field="allowed_numbers", region=region) for part in text.split(",") if part.strip())


def _whole(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ValueError(f"{text!r} is not a number from 1 on; `airflow voiceinfra pause` stops calls")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0.001 <= rate <= 1_000:  # noqa: PLR2004
        raise ValueError(f"{text!r} is no rate: write calls per second like 5 or 0.2")
    return rate


def _interval(text: str) -> timedelta:
    number, unit = text[:-1].strip(), text[-1:]
    if unit not in _UNITS or not number.isdecimal():
        raise ValueError(f"{text!r} is no length of time: write it like 30m, 24h or 7d")
    return timedelta(**{_UNITS[unit]: int(number)})
