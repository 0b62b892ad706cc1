"""Makes CSV cells safe to open in a spreadsheet, which would run what looks like a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

_FORMULA = re.compile(r"[=+\-@\t\r\n]")
# A phone number is not a formula.
_NUMBER = re.compile(r"\+[\d•]+", re.ASCII)


def escape_csv_cell(cell: object) -> str:
    """Escape a cell that a spreadsheet would take for a formula."""
    text = str(cell)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def csv_line(cells: Iterable[object]) -> str:
    """Return a line of CSV, with its cells escaped."""
    line = io.StringIO()
    csv.writer(line).writerow(map(escape_csv_cell, cells))
    return line.getvalue()
