"""A file of phone numbers: one to a line, or a column of CSV. No line of it is passed over in silence."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

from airflow_provider_voiceinfra.errors import InvalidCallError, InvalidNumberError
from airflow_provider_voiceinfra.phone_numbers.e164 import to_e164
from airflow_provider_voiceinfra.store.errors import StoreError

_DELIMITERS = ",;\t"
_USUAL_NAMES = frozenset({"number", "phone", "phone_number", "to_number", "telephone", "mobile"})
_FEWEST_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Line:
    """What stands in a line.

    :param place: its number in the file, from 1.
    :param number: in E.164; None where it cannot be read.
    :param problem: why it cannot be read.
    """

    place: int
    number: str | None = field(default=None, repr=False)
    problem: str = ""


def read_lines(text: Iterable[str], *, column: str | None, region: str | None) -> Iterator[Line]:
    """Read every line but blank ones and a header.

    :param column: the name of the numbers' column; None for a usual name, or the first column.
    :raises StoreError: if there is no such column, or the region is not one.
    """
    lines = iter(text)
    first = next(lines, "")
    rows = _rows(chain([first], lines), delimiter=max(_DELIMITERS, key=first.count))
    index, width, is_first = 0, 0, True
    for place, row in rows:
        if isinstance(row, str):
            yield Line(place, problem=row)
        elif any(cell.strip() for cell in row):
            if is_first and (column is not None or _is_header(row)):
                index, width = _column(row, column), len(row)
            else:
                yield _read(place, row, index, width, region)
            is_first = False
    if is_first and column is not None:
        raise StoreError(f"The file has no column {column!r}: it is empty.")


def _rows(text: Iterable[str], *, delimiter: str) -> Iterator[tuple[int, Sequence[str] | str]]:
    """Give the rows, or what is wrong with one, with the line where each begins."""
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    while True:
        place = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield place, f"quotes do not match ({error}). This line and those after it were not read."
            return
        if reader.line_num > place:
            # Numbers in the lines between would be taken for a part of the quotation.
            yield place, f"a quote is opened here and closed in line {reader.line_num}: close it in its own line."
        else:
            yield place, row


def _is_header(row: Sequence[str]) -> bool:
    """Tell whether a row names columns: with letters, and too few digits for a number."""
    text = "".join(row)
    return any(map(str.isalpha, text)) and all(sum(map(str.isdigit, cell)) < _FEWEST_DIGITS for cell in row)


def _column(header: Sequence[str], wanted: str | None) -> int:
    names = [name.strip().casefold() for name in header]
    asked = _USUAL_NAMES if wanted is None else {wanted.strip().casefold()}
    found = [index for index, name in enumerate(names) if name in asked]
    if wanted is None and not found:
        return 0
    if len(found) != 1:
        problem = f"has no column {wanted!r}" if not found else f"has {len(found)} columns of numbers"
        raise StoreError(f"The file {problem}: name one of {', '.join(header)} with --column. Nothing was imported.")
    return found[0]


def _read(place: int, row: Sequence[str], index: int, width: int, region: str | None) -> Line:
    if len(row) <= index or (width and len(row) > width):
        return Line(place, problem=f"it has {len(row)} columns, not {width or index + 1}.")
    try:
        return Line(place, to_e164(row[index], field="number", region=region))
    except InvalidNumberError as error:
        return Line(place, problem=str(error))
    except InvalidCallError as error:
        raise StoreError(f"{error} Nothing was imported.") from None
