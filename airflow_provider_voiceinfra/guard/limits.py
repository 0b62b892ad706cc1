"""The limits of a connection, which apply to all its calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from airflow_provider_voiceinfra.arguments import wrong
from airflow_provider_voiceinfra.errors import InvalidCallError
from airflow_provider_voiceinfra.guard.calling_hours import CallingHours
from airflow_provider_voiceinfra.phone_numbers.e164 import to_e164
from airflow_provider_voiceinfra.store.guard.rules import Cap

T = TypeVar("T")
_CAP = re.compile(r"(?P<calls>\d+)\s*/\s*(?P<length>\d+)\s*(?P<unit>[smhd])", re.ASCII)
_MOST_CALLS, _LONGEST_CAP = 1_000, timedelta(days=3_660)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a connection limits; None for what it does not.

    :param allowed_numbers: in E.164; only these may be called.
    :param calling_hours: the outermost ones; a DAG may only be stricter.
    """

    allowed_numbers: frozenset[str] | None = field(default=None, repr=False)
    max_calls_per_day: int | None = None
    max_minutes_per_day: int | None = None
    max_in_flight: int | None = None
    calls_per_second: float | None = None
    max_calls_per_number: tuple[Cap, ...] = ()
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
        max_minutes_per_day=read("max_minutes_per_day", _whole),
        max_in_flight=read("max_in_flight", _whole),
        calls_per_second=read("calls_per_second", _rate),
        max_calls_per_number=read("max_calls_per_number", read_caps) or (),
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
        raise ValueError(f"{text!r} is not a rate: write calls per second like 5 or 0.2")
    return rate


def read_caps(text: str) -> tuple[Cap, ...]:
    """Read how often a number may be called, such as ``1/24h, 3/7d, 10/30d``.

    :raises ValueError: if it cannot be read.
    """
    return tuple(_cap(part.strip()) for part in text.split(","))


def caps_of(given: object) -> tuple[Cap, ...]:
    """Read the argument ``max_calls_per_number``: a string such as ``1/24h, 3/7d``, or None.

    :raises TypeError: if it is something else.
    :raises ValueError: if it cannot be read.
    """
    if given is None:
        return ()
    if not isinstance(given, str):
        raise TypeError(wrong("max_calls_per_number", "a string such as '1/24h, 3/7d'", given))
    try:
        return read_caps(given)
    except ValueError as error:
        raise ValueError(f"max_calls_per_number: {error}") from None


def _cap(text: str) -> Cap:
    match = _CAP.fullmatch(text)
    if match is None or not int(match["calls"]) or not int(match["length"]):
        raise ValueError(f"{text!r} is not a cap: write calls per time, like 1/24h or 3/7d")
    try:
        within = timedelta(**{_UNITS[match["unit"]]: int(match["length"])})
    except OverflowError:
        within = _LONGEST_CAP
    if within > _LONGEST_CAP or int(match["calls"]) > _MOST_CALLS:
        raise ValueError(f"{text!r} is out of range: write up to {_MOST_CALLS} calls in up to {_LONGEST_CAP.days}d")
    return Cap(int(match["calls"]), within)
