"""Decides whether a string is exactly one number that may be called, and gives the reason if not."""

from __future__ import annotations

import phonenumbers
from phonenumbers import NumberParseException
from phonenumbers import ValidationResult as Length

from airflow_provider_voiceinfra.phone_numbers.number_readings import international_prefixes, readings
from airflow_provider_voiceinfra.phone_numbers.number_text import NumberText, RejectedError

_MAX_DIGITS = 15
# From this many digits on, a string may contain two short numbers: national numbers have about 12 digits at most.
_MAY_BE_TWO = 14
_MIN_SECOND_DIGITS = 7
_PARSING = {
    NumberParseException.INVALID_COUNTRY_CODE: "unknown_country_code",
    NumberParseException.TOO_LONG: "too_long",
}
_LENGTHS = {
    Length.TOO_SHORT: "too_short",
    Length.IS_POSSIBLE_LOCAL_ONLY: "too_short",
    Length.TOO_LONG: "too_long",
}


def read_number(text: NumberText, region: str | None) -> str:
    """Return the only number that a string can mean, in E.164.

    :param region: the country in which it is dialled, such as ``US``; None to accept only numbers with a plus sign.
    :raises RejectedError: if it can mean no number, or more than one.
    """
    if not text.has_plus and region is None:
        raise RejectedError("no_country_code")
    found = readings(text, region)
    if not found:
        raise RejectedError(_reason(text, region))
    if len(found) > 1:
        raise RejectedError("ambiguous_number")
    (reading,) = found
    if len(reading.e164) > _MAX_DIGITS + 1:
        raise RejectedError("too_long")
    if _is_several(text, region):
        raise RejectedError("several_numbers")
    if reading.is_premium_rate:
        raise RejectedError("premium_rate")
    return reading.e164


def _is_several(text: NumberText, region: str | None) -> bool:
    """Return whether it is two numbers: ``030 123456/0171 123456``, ``030 123456/57``, ``089 1234 089 4321``."""
    if "/" not in text.text and len(text.digits) < _MAY_BE_TWO:
        return False
    return any(
        bool(readings(first, region))
        if slash
        else (
            second.digits.startswith("0")
            and len(second.digits) >= _MIN_SECOND_DIGITS
            and bool(readings(first, region) and readings(second, region))
        )
        for first, second, slash in text.halves()
    )


def _reason(text: NumberText, region: str | None) -> str:
    """Return the reason why digits are not a number."""
    digits = text.digits
    if region and digits.startswith("00") and not text.has_plus and not list(international_prefixes(digits, region)):
        return "international_prefix"
    try:
        number = phonenumbers.parse(f"+{digits}" if text.has_plus else digits, region)
    except NumberParseException as error:
        return _PARSING.get(error.error_type, "too_short")
    return _LENGTHS.get(phonenumbers.is_possible_number_with_reason(number), "invalid_number")


def is_region(name: str) -> bool:
    """Return whether numbers of a country, such as ``US``, can be parsed."""
    return name in phonenumbers.SUPPORTED_REGIONS


def has_extension(text: str, region: str | None) -> bool:
    """Return whether a string is a number with an extension, in any format."""
    try:
        return bool(phonenumbers.parse(text, region or "US").extension)
    except NumberParseException:
        return False
