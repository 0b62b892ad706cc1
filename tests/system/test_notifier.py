"""The person on call is phoned from wherever a real Airflow runs callbacks."""

from __future__ import annotations

import pytest

from tests.dags.deadlines import CALLBACKS
from tests.system.conftest import wait_until


def wait_for_dials(sandbox, number, count=1):
    def found():
        return [dial for dial in sandbox.dials if dial.to_number == number]

    wait_until(lambda: len(found()) >= count, 90)
    return found()


@pytest.fixture(scope="module")
def late(airflow):
    """Runs that miss their deadlines, all at once."""
    return [airflow.trigger_dag(dag_id) for dag_id in CALLBACKS]


@pytest.mark.usefixtures("late")
@pytest.mark.parametrize("dag_id", CALLBACKS)
def test_a_deadline_phones_from_the_triggerer_and_from_the_executor(airflow, sandbox, dag_id):
    [dial] = wait_for_dials(sandbox, CALLBACKS[dag_id][1])
    assert dial.first_message == f"{dag_id} is late"


def test_a_failed_dag_phones_from_the_dag_processor(airflow, sandbox):
    run_id = airflow.trigger_dag("failing_dag")
    assert airflow.wait_for_run("failing_dag", run_id, timeout=300) == "failed"
    [dial] = wait_for_dials(sandbox, "+12075550101")
    assert dial.first_message == "failing_dag failed"
