"""Finds marked values in a text, however they are written there."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from functools import cache

from tests.dags.canary import AREAS, mark

# What may be between the parts of a number.
_BETWEEN = r"(?:[^\w•]|_){0,3}"


def shows(said: str, value: str, way: str) -> bool:
    """Return whether a text contains a value, as it is or as JSON and URLs encode it: they do not change its mark."""
    if value == "number":
        return bool(_number(way).search(said)) or any(each in said for each in _numbers_in_base64(way))
    return any(each in said for each in needles(mark(value, way)))


def shows_masked(said: str, way: str) -> bool:
    """Return whether a text contains a number in its masked form, which is allowed everywhere."""
    areas = "|".join(AREAS[way])
    return re.search(rf"\+1(?:{areas})(?:•|\\u2022){{3}}01\d\d", said) is not None


@cache
def needles(text: str) -> tuple[str, ...]:
    return (text, *_in_base64(text))


@cache
def _number(way: str) -> re.Pattern[str]:
    areas = "|".join(AREAS[way])
    return re.compile(rf"(?<!\d)(?:\+?1)?{_BETWEEN}(?:{areas}){_BETWEEN}555{_BETWEEN}01{_BETWEEN}\d{_BETWEEN}\d(?!\d)")


@cache
def _numbers_in_base64(way: str) -> tuple[str, ...]:
    return tuple(each for area in AREAS[way] for each in _in_base64(f"{area}55501"))


def _in_base64(text: str) -> Iterator[str]:
    """Yield the base64 of a string at each position, without characters that depend on what stands beside it."""
    raw = text.encode()
    for before in range(3):
        whole = base64.b64encode(bytes(before) + raw).decode()
        yield whole[(before * 8 + 5) // 6 : (before + len(raw)) * 8 // 6]
