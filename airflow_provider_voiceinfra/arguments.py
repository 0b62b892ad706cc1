"""Checks of arguments when a DAG is parsed, so that an invalid one is found before a phone rings.

Every error names the argument, what it must be, and what was given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from datetime import date, time, timedelta
from numbers import Integral, Real
from typing import TypeVar

from airflow_provider_voiceinfra.phone_numbers.e164 import mask_numbers

T = TypeVar("T")
_LONGEST_SHOWN = 60


def wrong(argument: str, wanted: str, given: object) -> str:
    """Describe what is wrong with an argument."""
    shown = repr(given) if isinstance(given, date | time | timedelta) else mask_numbers(repr(given))
    return f"{argument} must be {wanted}, not {shown if len(shown) <= _LONGEST_SHOWN else type(given).__name__}"


def duration(argument: str, given: object) -> timedelta:
    """Read a duration: a timedelta, or seconds.

    :raises TypeError: if it is neither.
    :raises ValueError: if it is negative or not finite.
    """
    wanted = "a timedelta or seconds, 0 or more"
    if isinstance(given, bool) or not isinstance(given, timedelta | Real):
        raise TypeError(wrong(argument, wanted, given))
    try:
        length = given if isinstance(given, timedelta) else timedelta(seconds=float(given))
    except (OverflowError, ValueError):
        raise ValueError(wrong(argument, wanted, given)) from None
    if length < timedelta(0):
        raise ValueError(wrong(argument, wanted, given))
    return length


def whole_number(argument: str, given: object, *, least: int) -> int:
    """Check a whole number.

    :param least: the smallest valid value.
    :raises TypeError: if it is not a whole number.
    :raises ValueError: if it is too small.
    """
    wanted = f"a whole number, {least} or more"
    if isinstance(given, bool) or not isinstance(given, Integral):
        raise TypeError(wrong(argument, wanted, given))
    if given < least:
        raise ValueError(wrong(argument, wanted, given))
    return int(given)


def number(argument: str, given: object, least: float, most: float) -> float:
    """Check a number that may have decimals.

    :raises TypeError: if it is not a number.
    :raises ValueError: if it is out of range.
    """
    wanted = f"a number between {least} and {most}"
    if isinstance(given, bool) or not isinstance(given, Real):
        raise TypeError(wrong(argument, wanted, given))
    if not least <= float(given) <= most:
        raise ValueError(wrong(argument, wanted, given))
    return float(given)


def optional_number(argument: str, given: object, least: float, most: float) -> float | None:
    """Check a number that may have decimals, or None."""
    return None if given is None else number(argument, given, least, most)


def flags(**given: object) -> None:
    """Check boolean arguments.

    :raises TypeError: if one is neither True nor False.
    """
    for argument, value in given.items():
        if not isinstance(value, bool):
            raise TypeError(wrong(argument, "True or False", value))


def instance(argument: str, given: object, kind: type[T], example: str) -> T | None:
    """Check an argument that is an instance of a class of this package, or None.

    :param example: an expression that makes one, for the message.
    :raises TypeError: if it is anything else.
    """
    if given is None or isinstance(given, kind):
        return given
    raise TypeError(wrong(argument, f"a {kind.__name__} such as {example}", given))


def names(argument: str, given: object) -> tuple[str, ...]:
    """Check a list of names. A set is sorted, so that a DAG is always serialized the same way.

    :raises TypeError: if it is a single string, which Python treats as a list of letters, or not a list of strings.
    :raises ValueError: if a name is empty.
    """
    wanted = "a list of strings such as ['a', 'b']"
    if isinstance(given, str) or not isinstance(given, Sequence | Set):
        raise TypeError(wrong(argument, wanted, given))
    if not all(isinstance(name, str) for name in given):
        raise TypeError(wrong(argument, wanted, given))
    if not all(given):
        raise ValueError(wrong(argument, wanted, given))
    return tuple(sorted(given) if isinstance(given, Set) else given)


def choices(argument: str, given: object, known: Sequence[str]) -> tuple[str, ...]:
    """Check a list of known names.

    :raises TypeError: as :func:`names`.
    :raises ValueError: if a name is unknown.
    """
    wanted = f"a list of {', '.join(map(repr, known))}"
    if isinstance(given, str) or not isinstance(given, Sequence | Set):
        raise TypeError(wrong(argument, wanted, given))
    if not all(name in known for name in given):
        raise ValueError(wrong(argument, wanted, given))
    return tuple(sorted(given, key=known.index) if isinstance(given, Set) else given)


def is_template(given: object) -> bool:
    """Return whether a field's value is unknown before the task runs: a Jinja template or another task's output."""
    return ("{{" in given or "{%" in given) if isinstance(given, str) else hasattr(given, "resolve")


def strings(**given: object) -> None:
    """Check fields that are strings, templates, or None. Errors do not repeat a value: it may be private.

    :raises TypeError: if one is something else, such as a number that has lost its plus sign.
    """
    for argument, value in given.items():
        if value is not None and not isinstance(value, str) and not is_template(value):
            raise TypeError(f"{argument} must be a string, not {type(value).__name__}")


def caller_ids(from_number: object) -> None:
    """Check ``from_number``: a string, a list of strings, a template, or None. Errors do not repeat it.

    :raises TypeError: if it is something else.
    """
    several = isinstance(from_number, Sequence | Set) and not isinstance(from_number, str | bytes)
    for each in from_number if several and isinstance(from_number, Sequence | Set) else [from_number]:
        strings(from_number=each)


def objects(**given: object) -> None:
    """Check fields that are dicts, templates, or None. Errors do not repeat a value: it may be private.

    :raises TypeError: if one is something else.
    """
    for argument, value in given.items():
        # With native rendering, Jinja turns a literal into a dict too.
        literal = isinstance(value, str) and value.lstrip().startswith("{")
        if value is not None and not isinstance(value, Mapping) and not is_template(value) and not literal:
            raise TypeError(f"{argument} must be a dict such as {{'name': 'Sarah'}}, not {type(value).__name__}")


def rows(argument: str, given: object) -> None:
    """Check a list of dicts, a template, or None. Errors do not repeat a value: it may be private.

    :raises TypeError: if it is something else.
    """
    wanted = "a list of dicts, each with a to_number"
    if given is None or is_template(given):
        return
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        raise TypeError(f"{argument} must be {wanted}, not {type(given).__name__}")
    for row in given:
        if not isinstance(row, Mapping) and not is_template(row):
            raise TypeError(f"{argument} must be {wanted}, not a list of {type(row).__name__}")


def region(argument: str, given: object) -> None:
    """Check a country such as ``US``, a template, or None.

    :raises ValueError: if it is not two letters.
    """
    strings(**{argument: given})
    if isinstance(given, str) and given and not is_template(given) and not re.fullmatch(r"[A-Za-z]{2}", given.strip()):
        raise ValueError(wrong(argument, "a country code such as US, GB or DE", given))


def mapping(argument: str, given: object) -> dict[str, str]:
    """Check a dict of strings.

    :raises TypeError: if it is something else.
    """
    wanted = "a dict of strings such as {'to_number': 'phone'}"
    if isinstance(given, Mapping) and all(isinstance(each, str) and each for pair in given.items() for each in pair):
        return dict(given)
    raise TypeError(wrong(argument, wanted, given))
