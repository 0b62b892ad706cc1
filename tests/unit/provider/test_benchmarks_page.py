"""The page of benchmarks says what was measured, and nothing else."""

from __future__ import annotations

import json

import pytest

from tests.benchmarks import page
from tests.benchmarks.findings import FILE, Finding, found


def test_the_page_and_its_pictures_are_made_of_the_results_alone():
    made = page.files(json.loads(page.RESULTS.read_text()))
    assert {path: path.read_text() for path in made} == made
    assert set(page.RESULTS.parent.glob("*.svg")) <= set(made)


def test_a_bar_that_is_missed_is_shown_as_such(tmp_path, monkeypatch):
    monkeypatch.setenv(FILE, str(tmp_path / "findings"))
    assert not found("claims", 3.0, "ms", beside="an empty store", than=1.5, bar="≤ 1.5 times", holds=False)
    [line] = (tmp_path / "findings").read_text().splitlines()
    machine = {"date": "2026-11-25", "cores": "2 cores", "memory": "4 GiB", "software": "Python", "load": "0.1"}
    result = {"machine": machine, "command": "python -m tests.benchmarks.guard", "findings": [json.loads(line)]}
    made = page.files({"guard": result})
    assert (
        "| claims | 3 ms | an empty store | 1.5 | **2** | ≤ 1.5 times | **not reached** |"
        in made[page.DOCS / "benchmarks.md"]
    )
    assert "an empty store" in made[page.RESULTS.with_name("guard.svg")]


@pytest.mark.parametrize(("value", "than", "ratio"), [(1.0, 2.0, 0.5), (1.0, None, None), (0.0, 5.0, 0.0)])
def test_a_ratio_is_there_where_two_were_measured(value, than, ratio):
    assert Finding("x", value, "ms", than=than).ratio == ratio
