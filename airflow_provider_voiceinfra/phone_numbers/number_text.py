"""The text of a phone number: its digits, and what the characters between them mean."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from numbers import Integral, Real

_LONGEST = 64
_NUMBER = re.compile(r"[(\[ ]*\+?[()\[\] ]*\d(?:[ \-./()\[\]]*\d)*[)\] ]*")
_SEPARATOR = re.compile(r"[ \-./()\[\]]+")
_TEL = re.compile(r"tel:\s*", re.IGNORECASE)
# The tilde means "wait for the dial tone", and belongs to this prefix only.
_RUSSIAN_PREFIX = re.compile(r"8\s*~\s*10")
# As spreadsheets and data frames write decimals: 4.1E9, 30123456.0, 30123456.5.
_DECIMAL = re.compile(r"[+-]?\d+(?:[.,]\d*)?e[+-]?\d+|\+?\d+[.,]0*|[1-9]\d{6,}[.,]\d{1,3}", re.IGNORECASE | re.ASCII)
# From a wrong column, it would be the number of a stranger in Germany.
_DATE = re.compile(r"(?:19|20)\d\d([-/.])\d\d\1\d\d|\d\d([-/.])\d\d\2(?:19|20)\d\d", re.ASCII)
# Spreadsheets and address books put invisible characters around digits. These three also change their order.
_REORDERING = "\u202b\u202e\u2067"


class RejectedError(Exception):
    """A value is not exactly one number that may be called.

    :param reason: see :data:`.numbers.REASONS`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class NumberText:
    """What may be one phone number.

    :param text: ASCII digits, with separators between them and perhaps a plus sign before them.
    :param is_integer: it was an integer, whose first zeros may be lost.
    """

    text: str
    is_integer: bool = False

    @classmethod
    def of(cls, value: object) -> NumberText:
        """Write digits, spaces and dashes of any script in ASCII.

        :raises RejectedError: if it is empty, or holds anything but digits and separators.
        """
        text = _text(value)
        if not text:
            raise RejectedError("missing")
        if _DECIMAL.fullmatch(text):
            raise RejectedError("digits_lost")
        plain = text if text.isascii() else "".join(map(_ascii, text)).strip()
        plain = _RUSSIAN_PREFIX.sub("810", _TEL.sub("", plain) if _TEL.match(plain) else plain)
        if len(text) > _LONGEST or _DATE.fullmatch(plain) or not _NUMBER.fullmatch(plain):
            raise RejectedError("not_a_number")
        return cls(plain, is_integer=not isinstance(value, str))

    @property
    def has_plus(self) -> bool:
        """Tell whether it begins with a plus sign."""
        return "+" in self.text

    @property
    def digits(self) -> str:
        """Give the digits."""
        return re.sub(r"\D", "", self.text)

    def variants(self) -> list[str]:
        """Give the digits, and those without the ``(0)`` of ``+44 (0)20``: not every country leaves it out."""
        shorter = self.text.replace("(0)", "", 1)
        return [self.digits] if shorter == self.text else [self.digits, re.sub(r"\D", "", shorter)]

    def begins_with(self, *lengths: int) -> bool:
        """Tell whether its first groups of digits have these lengths."""
        groups = re.findall(r"\d+", self.text)
        return [len(group) for group in groups[: len(lengths)]] == list(lengths)

    def halves(self) -> Iterator[tuple[NumberText, NumberText, bool]]:
        """Give every pair of numbers that it may be, and whether a slash separates them."""
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
    # Raised and circled digits are not digits of the number.
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 and not plain.isdecimal() else character
