from __future__ import annotations

from pathlib import Path

import pytest

from airflow_provider_voiceinfra.sandbox import SCENARIOS

DOCS = Path(__file__).parents[3] / "docs" / "sandbox.md"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.code)
def test_the_documentation_lists_every_scenario_and_what_it_does(scenario):
    row = f"| `{scenario.number}` | {scenario.name} | {scenario.happens} | "
    rows = [line for line in DOCS.read_text().splitlines() if line.startswith(row)]
    assert len(rows) == 1
    assert len(rows[0].removeprefix(row)) > len("nothing |")
