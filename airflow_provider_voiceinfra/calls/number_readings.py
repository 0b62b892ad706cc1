"""Which numbers the same digits can stand for. A number is called only where there is one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumber, PhoneNumberFormat, PhoneNumberType
from phonenumbers import ValidationResult as Length

from airflow_provider_voiceinfra.calls.number_text import NumberText, RejectedError

_MOST_DIGITS = 15
_LONGEST_PREFIX = 8
_MAY_BE_TWO = 14
"""Digits from which on a text may hold two short numbers: E.164 allows a country 12 or so of its own."""
_SECOND_NUMBER = 7
_LOST_ZEROS = 3
_PARSING = {
    NumberParseException.INVALID_COUNTRY_CODE: "unknown_country_code",
    NumberParseException.TOO_LONG: "too_long",
}
_LENGTHS = {
    Length.TOO_SHORT: "too_short",
    Length.IS_POSSIBLE_LOCAL_ONLY: "too_short",
    Length.TOO_LONG: "too_long",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A valid number that some digits can stand for."""

    e164: str
    is_premium_rate: bool


def read_number(text: NumberText, region: str | None) -> str:
    """Read a number in the only way in which it can be read.

    :param region: where it is dialled, such as ``US``; None to take none but those with a plus sign.
    :return: in E.164.
    :raises RejectedError: if there is no such way, or more than one.
    """
    if not text.has_plus and region is None:
        raise RejectedError("no_country_code")
    found = _readings(text, region)
    if found and region and text.is_integer:
        found |= _with_zeros(text.digits, region)
    if not found:
        raise RejectedError(_why(text, region))
    if len(found) > 1:
        raise RejectedError("ambiguous_number")
    (reading,) = found
    if len(reading.e164) > _MOST_DIGITS + 1:
        raise RejectedError("too_long")
    if _is_several(text, region):
        raise RejectedError("several_numbers")
    if reading.is_premium_rate:
        raise RejectedError("premium_rate")
    return reading.e164


def _readings(text: NumberText, region: str | None) -> set[Reading]:
    found: set[Reading] = set()
    for digits in text.variants():
        if text.has_plus:
            found |= _read(f"+{digits}")
        elif region is not None:
            found |= _as_dialled(text, digits, region)
    return found


def _as_dialled(text: NumberText, digits: str, region: str) -> set[Reading]:
    """Read what is dialled in a region, and everything else that it may stand for if that is a number."""
    country_code = str(phonenumbers.country_code_for_region(region))
    prefixes = list(_international_prefixes(digits, region))
    if prefixes:
        # Where a prefix may be longer or shorter, the one that stands apart is meant.
        apart = [length for length in prefixes if text.begins_with_group(length)]
        found = _read(*(f"+{digits[length:]}" for length in apart or prefixes))
    else:
        apart = []
        found = _read(digits, region=region)
    if not found:
        return found
    if prefixes or digits.startswith(country_code):
        found |= _read(f"+{country_code}{digits}")
    if digits.startswith(country_code):
        found |= _read(f"+{digits}")
    if digits.startswith("00") and not apart:
        found |= _read(f"+{digits[2:]}")
    return found


def _international_prefixes(digits: str, region: str) -> Iterator[int]:
    """Give the length of every international prefix that digits begin with; country codes do not begin with 0."""
    metadata = PhoneMetadata.metadata_for_region(region, None)
    pattern = metadata.international_prefix if metadata else None
    if pattern is None or not re.match(pattern, digits):
        return
    for length in range(1, _LONGEST_PREFIX + 1):
        if digits[length : length + 1] != "0" and re.fullmatch(pattern, digits[:length]):
            yield length


def _with_zeros(digits: str, region: str) -> set[Reading]:
    """Read an integer as text of which the first zeros are lost, where they belong to the number as in Italy."""
    number = PhoneNumber(phonenumbers.country_code_for_region(region), int(digits), italian_leading_zero=True)
    found: set[Reading] = set()
    for number.number_of_leading_zeros in range(1, _LOST_ZEROS + 1):
        found |= _valid(number)
    return found


def _is_several(text: NumberText, region: str | None) -> bool:
    """Tell whether it is two numbers: ``030 123456/0171 123456``, ``030 123456/57``, ``089 1234 089 4321``."""
    if "/" not in text.text and len(text.digits) < _MAY_BE_TWO:
        return False
    return any(
        bool(_readings(first, region))
        if slash
        else (
            second.digits.startswith("0")
            and len(second.digits) >= _SECOND_NUMBER
            and bool(_readings(first, region) and _readings(second, region))
        )
        for first, second, slash in text.halves()
    )


def _read(*numbers: str, region: str | None = None) -> set[Reading]:
    found: set[Reading] = set()
    for number in numbers:
        try:
            found |= _valid(phonenumbers.parse(number, region))
        except NumberParseException:
            continue
    return found


def _valid(number: PhoneNumber) -> set[Reading]:
    kind = phonenumbers.number_type(number)
    if kind == PhoneNumberType.UNKNOWN:
        return set()
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return {Reading(e164, kind == PhoneNumberType.PREMIUM_RATE)}


def _why(text: NumberText, region: str | None) -> str:
    """Say why digits stand for no number."""
    digits = text.digits
    if region and digits.startswith("00") and not text.has_plus and not list(_international_prefixes(digits, region)):
        return "international_prefix"
    try:
        number = phonenumbers.parse(f"+{digits}" if text.has_plus else digits, region)
    except NumberParseException as error:
        return _PARSING.get(error.error_type, "too_short")
    return _LENGTHS.get(phonenumbers.is_possible_number_with_reason(number), "invalid_number")


def is_region(name: str) -> bool:
    """Tell whether numbers of a country, such as ``US``, can be read."""
    return name in phonenumbers.SUPPORTED_REGIONS


def has_extension(text: str, region: str | None) -> bool:
    """Tell whether a text that is not a number is one with an extension, in any of the ways to write it."""
    try:
        return bool(phonenumbers.parse(text, region or "US").extension)
    except NumberParseException:
        return False
