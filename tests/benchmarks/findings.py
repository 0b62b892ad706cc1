"""What a benchmark has found, in the form that all of them share; ``make bench`` makes a page of it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "VOICEINFRA_FINDINGS"
"""The environment variable that names the file to which each finding is added as a line."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the page.

    :param what: was measured.
    :param beside: what was measured beside it, in the same run.
    :param than: the value of that.
    :param bar: what it should be; empty where nothing is promised.
    :param holds: whether it is.
    """

    what: str
    value: float
    unit: str
    beside: str = ""
    than: float | None = None
    bar: str = ""
    holds: bool = True

    @property
    def ratio(self) -> float | None:
        """Compare the two, where there are two."""
        return self.value / self.than if self.than else None


def found(what: str, value: float, unit: str, **more: str | float | bool) -> bool:
    """Note a finding, see :class:`Finding`.

    :return: whether its bar holds.
    """
    finding = Finding(what, value, unit, **more)
    if path := os.environ.get(FILE):
        with Path(path).open("a") as file:
            file.write(f"{json.dumps(asdict(finding))}\n")
    return finding.holds


def figure(value: float) -> str:
    """Show three digits of it."""
    if value and abs(value) < 100:
        return f"{value:.3g}"
    return f"{value:,.0f}"
