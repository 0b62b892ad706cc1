"""Whether a number that VoiceInfra names is the one that was called."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

# What people and programs put between digits.
_WRITTEN = re.compile(r"\+?(?:\d|[\s().\-/‐-―])+")  # noqa: RUF001 - hyphens and dashes


class Named(Enum):
    """What a number that VoiceInfra names says of the one that was sent."""

    NOTHING = auto()
    """It is missing."""
    SAME = auto()
    ANOTHER = auto()
    UNREADABLE = auto()
    """It is not written as a number: masked, or a name."""


def compare(said: object, e164: str) -> Named:
    """Compare a number that VoiceInfra names with the one that was sent.

    :param said: as VoiceInfra writes it: E.164, ``tel:``, with spaces or hyphens, without the plus or the country code.
    :param e164: what was sent; empty where it was purged, and nothing can be compared.
    """
    if said is None or not e164 or not str(said).strip():
        return Named.NOTHING
    if said == e164:
        return Named.SAME
    text = re.sub("^tel:", "", str(said).strip(), flags=re.IGNORECASE).partition(";")[0]
    if isinstance(said, bool) or not isinstance(said, str | int) or not _WRITTEN.fullmatch(text):
        return Named.UNREADABLE
    # Loading its tables takes 70 ms, which most processes never need.
    import phonenumbers

    sent = phonenumbers.parse(e164)
    region = phonenumbers.region_code_for_number(sent)
    readings = [_read(way, region) for way in (text, "+" + text.lstrip("+0"))]
    if sent in readings:
        return Named.SAME
    possible = any(each is not None and phonenumbers.is_possible_number(each) for each in readings)
    return Named.ANOTHER if possible else Named.UNREADABLE


def _read(text: str, region: str | None) -> PhoneNumber | None:
    from phonenumbers import NumberParseException, parse

    try:
        return parse(text, region)
    except NumberParseException:
        return None
