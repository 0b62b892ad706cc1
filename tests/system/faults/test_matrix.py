"""Every fault that the sandbox knows, in each way of waiting, with retries: nobody is called twice, nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from airflow_provider_voiceinfra.sandbox import SCENARIOS

WAYS = {"plain": 209, "deferring": 210, "blocking": 212}
TIMEOUT = 300

# Refused, or lost on the way there: nobody is called, and the task fails.
NOT_CALLED = {"11", "14", "15", "21", "22", "33", "40", "41", "42", "44"}
# Called once, but whoever waits for the completion waits in vain: none comes, or it names another number.
NEVER_COMPLETED = {"64", "66"}
# Not sent at all each time, so that Airflow's retries may dial.
RETRIED = {"33"}


@dataclass(frozen=True)
class Cell:
    way: str
    code: str

    @property
    def number(self) -> str:
        return f"+1{WAYS[self.way]}55501{self.code}"

    @property
    def dag_id(self) -> str:
        return f"fault_{self.way}"

    @property
    def fails(self) -> bool:
        return self.code in NOT_CALLED or (self.code in NEVER_COMPLETED and self.way != "plain")


CELLS = [Cell(way, scenario.code) for way in WAYS for scenario in SCENARIOS]


@pytest.fixture(scope="module")
def runs(airflow):
    """All at once: most of them wait."""
    return {cell: airflow.trigger_dag(cell.dag_id, conf={"to_number": cell.number}) for cell in CELLS}


def test_every_scenario_of_the_sandbox_is_here():
    assert {cell.code for cell in CELLS} == {scenario.code for scenario in SCENARIOS}
    assert {scenario.code for scenario in SCENARIOS if not scenario.accepted} | {"33"} >= NOT_CALLED


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: f"{cell.code}-{cell.way}")
def test_one_call_at_most_and_the_right_end(airflow, sandbox, call_store, runs, cell):
    state = airflow.wait_for_run(cell.dag_id, runs[cell], timeout=TIMEOUT)
    dials = [dial for dial in sandbox.dials if dial.to_number == cell.number]
    [task] = airflow.task_instances(cell.dag_id, runs[cell])
    assert len(dials) == (0 if cell.code in NOT_CALLED else 1)
    assert state == ("failed" if cell.fails else "success")
    if state == "success":
        assert airflow.xcom(cell.dag_id, runs[cell], "call") == dials[0].call_id
        call = call_store.calls.get(dials[0].call_id)
        assert call.state == "completed" or cell.way == "plain"
    else:
        # Airflow may retry by itself on a busy machine, which must not matter; a failure is for good or is not.
        assert task["try_number"] == (3 if cell.code in RETRIED else 1)
        log = airflow.task_log(cell.dag_id, runs[cell], "call", try_number=task["try_number"])
        for secret in (cell.number, cell.number[2:], "my secret", "sandbox-key"):
            assert secret not in log
