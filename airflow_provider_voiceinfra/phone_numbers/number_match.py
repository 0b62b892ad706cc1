"""Comparison of the number that VoiceInfra reports with the one that was called."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

# Digits, and the separators that people and programs put between them.
_WRITTEN = re.compile(r"\+?(?:\d|[\s().\-/‐-―])+")  # noqa: RUF001 - hyphens and dashes


class NumberMatch(Enum):
    """How a number that VoiceInfra reports compares with the one that was sent."""

    MISSING = auto()
    """One of the two is missing."""
    SAME = auto()
    DIFFERENT = auto()
    UNREADABLE = auto()
    """It is not a number: masked, or a name."""


def compare_numbers(reported: object, e164: str) -> NumberMatch:
    """Compare a number that VoiceInfra reports with the one that was sent.

    :param reported: in any form: E.164, ``tel:``, with spaces or hyphens, without the plus or the country code.
    :param e164: the number that was sent; empty if it was purged.
    """
    if reported is None or not e164 or not str(reported).strip():
        return NumberMatch.MISSING
    if reported == e164:
        return NumberMatch.SAME
    text = re.sub("^tel:", "", str(reported).strip(), flags=re.IGNORECASE).partition(";")[0]
    if isinstance(reported, bool) or not isinstance(reported, str | int) or not _WRITTEN.fullmatch(text):
        return NumberMatch.UNREADABLE
    # Loading the tables of phonenumbers takes 70 ms, and most processes never need them.
    import phonenumbers

    sent = phonenumbers.parse(e164)
    region = phonenumbers.region_code_for_number(sent)
    readings = [_read(number, region) for number in (text, "+" + text.lstrip("+0"))]
    if sent in readings:
        return NumberMatch.SAME
    possible = any(each is not None and phonenumbers.is_possible_number(each) for each in readings)
    return NumberMatch.DIFFERENT if possible else NumberMatch.UNREADABLE


def _read(text: str, region: str | None) -> PhoneNumber | None:
    from phonenumbers import NumberParseException, parse

    try:
        return parse(text, region)
    except NumberParseException:
        return None
