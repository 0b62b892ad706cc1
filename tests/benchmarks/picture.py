"""Bars of what was measured and what it was measured beside: SVG, for light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tests.benchmarks.findings import Finding, figure

WIDTH, LEFT, ROW, BAR = 860, 12, 74, 15
LONGEST = 400
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.what { font-weight: 600; }
.ours { fill: #0969da; }
.beside { fill: #8c959f; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.ours { fill: #58a6ff; }
.beside { fill: #6e7681; }
}
"""


def draw(findings: Sequence[Finding]) -> str:
    """Draw those that have something beside them, each to its own scale."""
    compared = [each for each in findings if each.than is not None]
    height = ROW * len(compared) + 8
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">',
        f"<style>{_STYLE}</style>",
        *(line for number, each in enumerate(compared) for line in _bars(each, ROW * number + 20)),
        "</svg>",
        "",
    ]
    return "\n".join(lines)


def _bars(finding: Finding, top: int) -> list[str]:
    longest = max(finding.value, finding.than or 0.0)
    lines = [f'<text class="what" x="{LEFT}" y="{top}">{escape(finding.what)}</text>']
    for kind, name, value in (("ours", "", finding.value), ("beside", finding.beside, finding.than or 0.0)):
        top += BAR + 5
        length = max(2.0, LONGEST * value / longest)
        label = f"{figure(value)} {finding.unit}" + (f": {name}" if name else "")
        lines.append(
            f'<rect class="{kind}" x="{LEFT}" y="{top - BAR + 3}" width="{length:.0f}" height="{BAR}" rx="2"/>'
        )
        lines.append(f'<text x="{LEFT + length + 8:.0f}" y="{top}">{escape(label)}</text>')
    return lines
