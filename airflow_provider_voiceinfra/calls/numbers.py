"""Phone numbers: from what people write to E.164, and what may be shown of them."""

from __future__ import annotations

import hashlib
import re
from decimal import Decimal
from numbers import Integral

from airflow_provider_voiceinfra.calls.errors import InvalidCallError

_HIDDEN = "•••"
BETWEEN_DIGITS = r"(?:[^\w•]|_){0,4}"
"""What people put between the digits of a number, as a pattern."""
# Seven digits or more.
_LIKE_A_NUMBER = re.compile(rf"\+?\d(?:{BETWEEN_DIGITS}\d){{6,}}")


def to_e164(number: object, *, field: str, region: str | None = None) -> str:
    """Turn a number as people write it into E.164.

    :param number: such as ``+1 415 555 0100``, ``0044 20 7946 0000`` or, with a region, ``(415) 555-0100``.
    :param field: the name of the field it comes from, for the message.
    :param region: ISO 3166 country, such as ``US``, that a number without a country code belongs to.
    :raises InvalidCallError: if it is no number that may be called; the message shows it masked.
    """
    # Loading its tables takes 70 ms, which every parsed DAG file would pay.
    import phonenumbers

    text = str(number).strip() if number is not None else ""
    if not text:
        raise InvalidCallError(f"{field} is empty: give a number such as +14155550100.")
    # Read as a number, 30123456.0 is that of somebody else.
    if re.fullmatch(r"\d+\.0*", text) or not _may_be_a_number(number):
        raise InvalidCallError(
            f"{field} must be a text such as +14155550100, not {type(number).__name__}; of a table that keeps numbers "
            "as decimals, make them whole first."
        )
    if region and region.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise InvalidCallError(
            f"default_region {mask_numbers(region)!r} is no country code: write it like US, GB or DE."
        )
    shown = f"{field} {mask(text)}"
    try:
        parsed = phonenumbers.parse(re.sub(r"^\(?00", "+", text), region.upper() if region else None)
    except phonenumbers.NumberParseException:
        raise InvalidCallError(
            f"{shown} is not a phone number that can be read: write it like +14155550100, or give a "
            "default_region such as US for numbers without a country code."
        ) from None
    if parsed.extension:
        raise InvalidCallError(f"{shown} has an extension, which VoiceInfra cannot dial: leave it out.")
    if not phonenumbers.is_valid_number(parsed):
        raise InvalidCallError(f"{shown} is not a valid number in its country (a short one, perhaps): mend it.")
    if phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.PREMIUM_RATE:
        raise InvalidCallError(f"{shown} is a premium-rate number, which is never called.")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _may_be_a_number(value: object) -> bool:
    return isinstance(value, str | Integral | Decimal) and not isinstance(value, bool)


def mask(number: str) -> str:
    """Show as little of a number as tells it apart: ``+14155550100`` becomes ``+1415•••0100``."""
    digits = re.sub(r"\D", "", number)
    if len(digits) < 8:  # noqa: PLR2004
        return _HIDDEN
    plus = "+" if number.lstrip().startswith("+") else ""
    return f"{plus}{digits[: min(4, len(digits) - 7)]}{_HIDDEN}{digits[-4:]}"


def mask_numbers(text: str) -> str:
    """Mask whatever looks like a phone number in a text."""
    return _LIKE_A_NUMBER.sub(lambda match: mask(match[0]), text)


def hash_number(e164: str) -> str:
    """Stand in for a number inside a key."""
    return hashlib.sha256(e164.encode()).hexdigest()[:16]
