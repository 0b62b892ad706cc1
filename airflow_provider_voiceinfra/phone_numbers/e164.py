"""Phone numbers: parsing to E.164, and masking."""

from __future__ import annotations

import hashlib
import re
from numbers import Real

from airflow_provider_voiceinfra.errors import InvalidCallError, InvalidNumberError
from airflow_provider_voiceinfra.phone_numbers.number_text import NumberText, RejectedError

_HIDDEN = "•••"
BETWEEN_DIGITS = r"(?:[^\w•]|_){0,4}"
"""A pattern of the characters that people write between the digits of a number."""
# At least seven digits.
_LIKE_A_NUMBER = re.compile(rf"\+?\d(?:{BETWEEN_DIGITS}\d){{6,}}")


REASONS = {
    "missing": "is empty: give a number such as +1 800 555 0199.",
    "not_a_number": "is not a phone number: give digits only, such as +1 800 555 0199.",
    "not_text": "must be a string such as '+1 800 555 0199': quote it. A number may have lost its + or first zeros.",
    "digits_lost": "is a decimal, which loses digits: store numbers as strings, such as +1 800 555 0199.",
    "no_country_code": "has no country code: write it like +1 800 555 0199, or set a default_region such as US.",
    "unknown_country_code": "has a country code that does not exist: write it like +1 800 555 0199.",
    "international_prefix": "begins with 00, which its default_region does not use to dial abroad: write + instead.",
    "ambiguous_number": "can be read as more than one number: write it as a string, with + and its country code.",
    "several_numbers": "is more than one number: give one.",
    "extension": "has an extension, which VoiceInfra cannot dial: give a number that reaches the callee directly.",
    "too_short": "is not a valid number: digits are missing.",
    "too_long": "is not a valid number: it has too many digits. If it has a country code, write + before it.",
    "invalid_number": "is not a valid number in its country: check its digits.",
    "premium_rate": "is a premium-rate number, which is never called.",
}
"""Why a value is not a number that may be called, and how to fix it."""


def to_e164(number: object, *, field: str, region: str | None = None) -> str:
    """Convert a number to E.164, if it can be read in only one way.

    :param number: such as ``+1 415 555 0100`` or, with a region, ``(415) 555-0100`` or ``011 44 20 7946 0000``.
    :param field: the name of its field, for the message.
    :param region: ISO 3166 country, such as ``US``, of a number without a plus sign.
    :raises InvalidNumberError: if it is not a number that may be called; the message shows it masked.
    """
    # Loading the tables of phonenumbers takes 70 ms, which every DAG file would pay.
    from airflow_provider_voiceinfra.phone_numbers.number_validity import has_extension, is_region, read_number

    where = region.strip().upper() if region else None
    if where and not is_region(where):
        raise InvalidCallError(
            f"default_region {mask_numbers(str(region))!r} is not a country code: write it like US, GB or DE."
        )
    try:
        return read_number(NumberText.of(number), where or None)
    except RejectedError as error:
        reason = error.reason
    if reason == "not_a_number" and isinstance(number, str) and has_extension(number, where):
        reason = "extension"
    raise InvalidNumberError(f"{field} {_shown(number)}{REASONS[reason]}", reason)


def _shown(number: object) -> str:
    if isinstance(number, str):
        return f"{mask(number)} " if number.strip() else ""
    return "" if number is None else f"{mask(str(number)) if isinstance(number, Real) else type(number).__name__} "


def mask(number: str) -> str:
    """Mask a number: ``+14155550100`` becomes ``+1415•••0100``."""
    digits = re.sub(r"\D", "", number)
    if len(digits) < 8:  # noqa: PLR2004
        return _HIDDEN
    plus = "+" if number.lstrip().startswith("+") else ""
    return f"{plus}{digits[: min(4, len(digits) - 7)]}{_HIDDEN}{digits[-4:]}"


def mask_numbers(text: str) -> str:
    """Mask everything in a string that looks like a phone number."""
    return _LIKE_A_NUMBER.sub(lambda match: mask(match[0]), text)


def number_digest(e164: str) -> str:
    """Return a short hash that replaces a number inside a key."""
    return hashlib.sha256(e164.encode()).hexdigest()[:16]
