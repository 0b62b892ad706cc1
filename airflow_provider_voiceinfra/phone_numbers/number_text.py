"""The string of a phone number: its digits and separators."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from numbers import Integral, Real

_MAX_LENGTH = 64
_NUMBER = re.compile(r"[(\[ ]*\+?[()\[\] ]*\d(?:[ \-./()\[\]]*\d)*[)\] ]*")
_SEPARATOR = re.compile(r"[ \-./()\[\]]+")
_TEL = re.compile(r"tel:\s*", re.IGNORECASE)
# The tilde means "wait for the dial tone", and belongs to this prefix only.
_RUSSIAN_PREFIX = re.compile(r"8\s*~\s*10")
# As spreadsheets and data frames write decimals: 4.1E9, 30123456.0, 30123456.5.
_DECIMAL = re.compile(r"[+-]?\d+(?:[.,]\d*)?e[+-]?\d+|\+?\d+[.,]0*|[1-9]\d{6,}[.,]\d{1,3}", re.IGNORECASE | re.ASCII)
# A date from a wrong column would be the number of a stranger in Germany.
_DATE = re.compile(r"(?:19|20)\d\d([-/.])\d\d\1\d\d|\d\d([-/.])\d\d\2(?:19|20)\d\d", re.ASCII)
# Spreadsheets and address books add invisible characters around digits. These three also change their order.
_REORDERING = "\u202b\u202e\u2067"


class RejectedError(Exception):
    """A value is not exactly one number that may be called.

    :param reason: see :data:`.e164.REASONS`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class NumberText:
    """A string that may be a phone number.

    :param text: ASCII digits with separators, and perhaps a leading plus sign.
    :param is_integer: whether the value was an integer, whose leading zeros may be lost.
    """

    text: str
    is_integer: bool = False

    @classmethod
    def of(cls, value: object) -> NumberText:
        """Convert digits, spaces and dashes of any script to ASCII.

        :raises RejectedError: if the value is empty, or contains anything but digits and separators.
        """
        text = _text(value)
        if not text:
            raise RejectedError("missing")
        if _DECIMAL.fullmatch(text):
            raise RejectedError("digits_lost")
        plain = text if text.isascii() else "".join(map(_ascii, text)).strip()
        plain = _RUSSIAN_PREFIX.sub("810", _TEL.sub("", plain) if _TEL.match(plain) else plain)
        if len(text) > _MAX_LENGTH or _DATE.fullmatch(plain) or not _NUMBER.fullmatch(plain):
            raise RejectedError("not_a_number")
        return cls(plain, is_integer=not isinstance(value, str))

    @property
    def has_plus(self) -> bool:
        """Return whether it begins with a plus sign."""
        return "+" in self.text

    @property
    def digits(self) -> str:
        """Return the digits."""
        return re.sub(r"\D", "", self.text)

    def variants(self) -> list[str]:
        """Return the digits, and those without the ``(0)`` of ``+44 (0)20``, which not every country omits."""
        shorter = self.text.replace("(0)", "", 1)
        return [self.digits] if shorter == self.text else [self.digits, re.sub(r"\D", "", shorter)]

    def begins_with(self, *lengths: int) -> bool:
        """Return whether its first groups of digits have these lengths."""
        groups = re.findall(r"\d+", self.text)
        return [len(group) for group in groups[: len(lengths)]] == list(lengths)

    def halves(self) -> Iterator[tuple[NumberText, NumberText, bool]]:
        """Yield every split into two numbers, and whether a slash separates them."""
        for match in _SEPARATOR.finditer(self.text.rstrip(")] "), 1):
            yield NumberText(self.text[: match.start()]), NumberText(self.text[match.end() :]), "/" in match[0]


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case str():
            return value.strip()
        case bool():
            raise RejectedError("not_a_number")
        case Integral() if int(value) >= 0:
            return str(int(value))
        case Decimal() if value.is_finite() and value >= 0 and value.as_tuple().exponent == 0:
            return str(int(value))
        case Decimal() | Real() if not isinstance(value, Integral) and value == value:  # noqa: PLR0124 - not NaN
            raise RejectedError("digits_lost")
        case _:
            raise RejectedError("not_a_number")


def _ascii(character: str) -> str:
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    category = unicodedata.category(character)
    if category == "Cf" and character not in _REORDERING:
        return ""
    if category == "Pd" or character in "\u2212\u30fc":
        return "-"
    # Superscript and circled digits are not digits of the number.
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 and not plain.isdecimal() else character
