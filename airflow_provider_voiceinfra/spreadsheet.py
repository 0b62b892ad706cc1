"""Cells of CSV files that people open in a spreadsheet, which calculates what looks like a formula."""

from __future__ import annotations

import re

_FORMULA = re.compile(r"[=+\-@\t\r\n]")
# A phone number is just a number.
_NUMBER = re.compile(r"\+[\d•]+", re.ASCII)


def harmless(cell: object) -> str:
    """Write a cell so that no spreadsheet takes it for a formula."""
    text = str(cell)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
