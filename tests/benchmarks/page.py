"""The page docs/benchmarks.md and its pictures, made only from docs/benchmarks/results.json."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.benchmarks.findings import Finding, figure
from tests.benchmarks.picture import draw

DOCS = Path(__file__).parents[2] / "docs"
RESULTS = DOCS / "benchmarks" / "results.json"


def keep(name: str, result: Mapping[str, Any]) -> None:
    """Save the result of a benchmark, in place of its previous result."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(f"{json.dumps(results | {name: result}, indent=1, ensure_ascii=False)}\n")


def write() -> None:
    """Write the page and its pictures."""
    for path, text in files(json.loads(RESULTS.read_text())).items():
        path.write_text(text)


def files(results: Mapping[str, Any]) -> dict[Path, str]:
    """Return the files to write, each file's text by its path."""
    made: dict[Path, str] = {}
    parts = [HEAD]
    for name, result in results.items():
        findings = [Finding(**each) for each in result["findings"]]
        parts.append(_part(name, result, findings))
        if any(each.ratio is not None for each in findings):
            made[DOCS / "benchmarks" / f"{name}.svg"] = draw(findings)
    return {DOCS / "benchmarks.md": "\n".join(parts), **made}


HEAD = """# Benchmarks

Made by `make bench`, from its measurements; nothing here is written by hand. The alternatives were measured in the same
run, in turns if possible, so that other work on the machine affects both: compare the ratios, not the times.
"""


def _part(name: str, result: Mapping[str, Any], findings: Sequence[Finding]) -> str:
    module = import_module(result["command"].split()[2])
    [first, *_] = (module.__doc__ or "").splitlines()
    machine = result["machine"]
    lines = [f"## {name.replace('_', ' ').capitalize()}", "", first, ""]
    if any(each.ratio is not None for each in findings):
        lines += [f"![{name}, compared with alternatives](benchmarks/{name}.svg)", ""]
    lines += ["| | measured | alternative | its value | ratio | limit | |", "|---|---|---|---|---|---|---|"]
    lines += [_row(each) for each in findings]
    where = f"{machine['cores']}, {machine['memory']}, {machine['software']}"
    lines += ["", f"`{result['command']}`, {machine['date']}: {where}; load before: {machine['load']}.", ""]
    return "\n".join(lines)


def _row(finding: Finding) -> str:
    than = "" if finding.than is None else figure(finding.than)
    ratio = "" if finding.ratio is None else f"**{figure(finding.ratio)}**"
    reached = "" if not finding.bar else "reached" if finding.holds else "**not reached**"
    value = f"{figure(finding.value)} {finding.unit}"
    return f"| {' | '.join((finding.what, value, finding.beside, than, ratio, finding.bar, reached))} |"
