"""Finds all valid numbers that the same digits can mean; libphonenumber itself prefers one of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumber, PhoneNumberFormat, PhoneNumberType

from airflow_provider_voiceinfra.phone_numbers.number_text import NumberText

_MAX_PREFIX = 8
_MAX_LOST_ZEROS = 3


@dataclass(frozen=True, slots=True)
class Reading:
    """A valid number that some digits can mean."""

    e164: str
    country_code: str
    is_premium_rate: bool


def readings(text: NumberText, region: str | None) -> set[Reading]:
    """Return every valid number that a string can mean.

    :param region: the country in which it is dialled, such as ``US``; None to accept only numbers with a plus sign.
    """
    found: set[Reading] = set()
    for digits in text.variants():
        if text.has_plus:
            found |= _read(f"+{digits}")
        elif region is not None:
            found |= _as_dialled(text, digits, region)
    if found and region is not None and text.is_integer:
        found |= _with_zeros(text.digits, region)
    return found


def _as_dialled(text: NumberText, digits: str, region: str) -> set[Reading]:
    """Return the number that is dialled in a region and, if there is one, every other number that it can mean."""
    country_code = str(phonenumbers.country_code_for_region(region))
    abroad = {length: _read(f"+{digits[length:]}") for length in international_prefixes(digits, region)}
    # If a prefix may be longer or shorter, the one that is set apart is meant, as in 001 65 …
    apart = [
        found
        for length, found in abroad.items()
        if any(text.begins_with(length, len(reading.country_code)) for reading in found)
    ]
    found = set().union(*(apart or abroad.values())) if abroad else _read(digits, region=region)
    if not found:
        return found
    if abroad or digits.startswith(country_code):
        found |= _read(f"+{country_code}{digits}")
    if digits.startswith(country_code):
        found |= _read(f"+{digits}")
    if digits.startswith("00") and not apart:
        found |= _read(f"+{digits[2:]}")
    elif digits.startswith("0"):
        others = _valid(PhoneNumber(int(country_code), int(digits))) - found
        found |= {other for other in others if _is_written(other, digits)}
    return found


def _is_written(reading: Reading, digits: str) -> bool:
    """Return whether a number is written with these digits in its country, as old numbers of Gabon are with a 0."""
    number = phonenumbers.parse(reading.e164)
    return phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL).replace(" ", "") == digits


def international_prefixes(digits: str, region: str) -> Iterator[int]:
    """Yield the length of every international prefix that digits begin with; country codes do not begin with 0."""
    metadata = PhoneMetadata.metadata_for_region(region, None)
    pattern = metadata.international_prefix if metadata else None
    if pattern is None or not re.match(pattern, digits):
        return
    for length in range(1, _MAX_PREFIX + 1):
        if digits[length : length + 1] != "0" and re.fullmatch(pattern, digits[:length]):
            yield length


def _with_zeros(digits: str, region: str) -> set[Reading]:
    """Return the numbers of an integer that has lost leading zeros, which are part of the number in Italy."""
    number = PhoneNumber(phonenumbers.country_code_for_region(region), int(digits), italian_leading_zero=True)
    found: set[Reading] = set()
    for number.number_of_leading_zeros in range(1, _MAX_LOST_ZEROS + 1):
        # Checked first, because it is fast: it does not look at all regions of a country code.
        if phonenumbers.is_valid_number_for_region(number, region):
            found |= _valid(number)
    return found


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
    return {Reading(e164, str(number.country_code), kind == PhoneNumberType.PREMIUM_RATE)}
