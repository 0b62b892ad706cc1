"""The runs of the fault tests, all begun at once: most of them wait, such as for a killed worker's claim to expire."""

from __future__ import annotations

import pytest

from tests.support.faults import Cell, cells

CELLS = cells("deferring")
STEPS = {
    "before_the_claim": 213,
    "after_the_claim": 214,
    "after_the_permit": 215,
    "during_the_post": 216,
    "after_the_answer": 217,
    "after_the_record": 218,
}
"""The area of the number that is called when a worker is killed at a step."""


def number_of(step: str) -> str:
    """Return the number of a step: accepted at once, and answered slowly where it is killed during the POST."""
    return f"+1{STEPS[step]}55501{'10' if step == 'during_the_post' else '00'}"


@pytest.fixture(scope="session")
def crashes(airflow) -> dict[str, str]:
    """The run in which a worker is killed at each step."""
    return {step: airflow.trigger_dag("crashing", conf={"step": step, "to_number": number_of(step)}) for step in STEPS}


@pytest.fixture(scope="session")
def faults(airflow) -> dict[Cell, str]:
    """The run of each fault."""
    return {cell: airflow.trigger_dag(cell.dag_id, conf={"to_number": cell.number}) for cell in CELLS}
