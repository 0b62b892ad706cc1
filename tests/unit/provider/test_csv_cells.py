"""No spreadsheet calculates what is in a CSV file."""

from __future__ import annotations

import pytest

from airflow_provider_voiceinfra.csv_cells import escape_csv_cell


@pytest.mark.parametrize("cell", ["=1+1", "+cmd|' /C calc'!A0", "-2", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "+1 415"])
def test_a_cell_that_would_be_calculated_is_text(cell):
    assert escape_csv_cell(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["+14155550100", "+1415•••0100", "plain", "1", ""])
def test_other_cells_are_as_they_were(cell):
    assert escape_csv_cell(cell) == cell
