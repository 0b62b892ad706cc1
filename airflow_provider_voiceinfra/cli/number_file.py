"""A file of phone numbers: one per line, or a column of CSV. Every line that is skipped is reported."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from airflow_provider_voiceinfra.errors import InvalidCallError, InvalidNumberError
from airflow_provider_voiceinfra.phone_numbers.e164 import to_e164
from airflow_provider_voiceinfra.store.errors import StoreError

_DELIMITERS = ",;\t"
_COMMON_NAMES = frozenset({"number", "phone", "phone_number", "to_number", "telephone", "mobile"})
_MIN_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the file.

    :param line_number: its position in the file, from 1.
    :param number: the phone number in E.164; None if it is invalid.
    :param problem: why it is invalid.
    """

    line_number: int
    number: str | None = field(default=None, repr=False)
    problem: str = ""


def read_lines(text: Iterable[str], *, column: str | None, region: str | None) -> Iterator[Line]:
    """Read every line except blank ones and a header.

    :param column: the name of the column with the numbers; None for a common name or the first column.
    :raises StoreError: if there is no such column, or the region is invalid.
    """
    lines = iter(text)
    first = next(lines, "")
    rows = _rows(chain([first], lines), delimiter=max(_DELIMITERS, key=first.count))
    index, width, is_first = 0, 0, True
    for line_number, row in rows:
        if isinstance(row, str):
            yield Line(line_number, problem=row)
        elif any(cell.strip() for cell in row):
            if is_first and (column is not None or _is_header(row)):
                index, width = _column(row, column), len(row)
            else:
                yield _read(line_number, row, index, width, region)
            is_first = False
    if is_first and column is not None:
        raise StoreError(f"The file has no column {column!r}: it is empty.")


def _rows(text: Iterable[str], *, delimiter: str) -> Iterator[tuple[int, Sequence[str] | str]]:
    """Return the rows, each with the line where it begins; a string instead of a row describes a problem."""
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    while True:
        line_number = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line_number, f"quotes do not match ({error}). This line and all lines after it were not read."
            return
        if reader.line_num > line_number:
            # Numbers in the lines between would be read as part of the quoted value.
            yield (
                line_number,
                f"a quote opened here is closed in line {reader.line_num}: close it in line {line_number}.",
            )
        else:
            yield line_number, row


def _is_header(row: Sequence[str]) -> bool:
    """Return whether a row names columns: it has letters, and too few digits for a number."""
    text = "".join(row)
    return any(map(str.isalpha, text)) and all(sum(map(str.isdigit, cell)) < _MIN_DIGITS for cell in row)


def _column(header: Sequence[str], wanted: str | None) -> int:
    names = [name.strip().casefold() for name in header]
    accepted = _COMMON_NAMES if wanted is None else {wanted.strip().casefold()}
    found = [index for index, name in enumerate(names) if name in accepted]
    if wanted is None and not found:
        return 0
    if len(found) != 1:
        problem = f"has no column {wanted!r}" if not found else f"has {len(found)} columns of numbers"
        raise StoreError(f"The file {problem}: name one of {', '.join(header)} with --column. Nothing was imported.")
    return found[0]


def _read(line_number: int, row: Sequence[str], index: int, width: int, region: str | None) -> Line:
    if len(row) <= index or (width and len(row) > width):
        return Line(line_number, problem=f"it has {len(row)} columns, not {width or index + 1}.")
    try:
        return Line(line_number, to_e164(row[index], field="number", region=region))
    except InvalidNumberError as error:
        return Line(line_number, problem=str(error))
    except InvalidCallError as error:
        raise StoreError(f"{error} Nothing was imported.") from None
