"""Which of an account's numbers a callee sees: a near one, and always the same."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Collection

_NORTH_AMERICA = 1


def choose_caller_id(numbers: Collection[str], callee: str) -> str:
    """Choose a number of the callee's country and, in North America, of their area code, if there is one.

    Of several, the choice depends on the callee only, and changes for few of them when numbers are added or removed.

    :param numbers: the account's, in E.164.
    :param callee: in E.164.
    """
    return max(numbers, key=lambda number: (_nearness(number, callee), _rank(number, callee)))


@functools.lru_cache(10_000)
def country_of(number: str) -> str | None:
    """Return the country of a number, such as ``US``; None where it belongs to none.

    :param number: in E.164.
    """
    import phonenumbers

    country = phonenumbers.region_code_for_number(phonenumbers.parse(number))
    # 001 is the whole world's.
    return country if country and country.isalpha() else None


def _nearness(number: str, callee: str) -> int:
    if country_of(number) is None or country_of(number) != country_of(callee):
        return 0
    area = _area_code(number)
    return 2 if area is not None and area == _area_code(callee) else 1


def _area_code(number: str) -> str | None:
    """Return the area code, where numbers say in which area they are."""
    return number[2:5] if number.startswith(f"+{_NORTH_AMERICA}") else None


def _rank(number: str, callee: str) -> bytes:
    return hashlib.sha256(f"{number} {callee}".encode()).digest()
