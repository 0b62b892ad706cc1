"""The table of docs/reference/data.md, as the test reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "data.md"


def cells(heading: str) -> Iterator[tuple[str, str, str]]:
    """Return each cell of the first table under a heading: what its row is of, what its column is of, and what it says.

    A row of several values, with commas between them, is read as a row for each.
    """
    below = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in below.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert rows, heading
    [_, *columns], _, *body = rows
    for names, *said in body:
        assert len(said) == len(columns), names
        for name in names.split(", "):
            yield from ((name, column, each) for column, each in zip(columns, said, strict=True))
