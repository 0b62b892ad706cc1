"""Every fault that the sandbox knows, waiting deferred, with retries: nobody is called twice, nothing is lost.

The other ways of waiting are in tests/integration/dags/test_faults.py.
"""

from __future__ import annotations

import pytest

from airflow_provider_voiceinfra.sandbox import SCENARIOS
from tests.support.faults import NOT_CALLED
from tests.system.faults.conftest import CELLS

TIMEOUT = 600


def test_every_scenario_of_the_sandbox_is_here():
    assert {cell.code for cell in CELLS} == {scenario.code for scenario in SCENARIOS}
    assert {scenario.code for scenario in SCENARIOS if not scenario.accepted} | {"33"} >= NOT_CALLED


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: f"{cell.code}-{cell.way}")
def test_one_call_at_most_and_the_right_end(airflow, sandbox, call_store, faults, cell):
    state = airflow.wait_for_run(cell.dag_id, faults[cell], timeout=TIMEOUT)
    dials = [dial for dial in sandbox.dials if dial.to_number == cell.number]
    [task] = airflow.task_instances(cell.dag_id, faults[cell])
    assert (len(dials), state) == (cell.dials, cell.state)
    if state == "success":
        assert airflow.xcom(cell.dag_id, faults[cell], "call") == dials[0].call_id
        assert call_store.calls.get(dials[0].call_id).state == "completed"
    else:
        assert task["try_number"] == cell.tries
        cell.check_shows_no_secret(
            airflow.task_log(cell.dag_id, faults[cell], "call", try_number=task["try_number"]),
        )
