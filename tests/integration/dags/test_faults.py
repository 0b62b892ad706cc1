"""Every fault that the sandbox knows, with retries, where a worker waits or nobody does: one call at most, none lost.

Waiting deferred meets them on a real Airflow, in tests/system/faults/test_matrix.py.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest

from airflow_provider_voiceinfra.calls import api, dialing
from airflow_provider_voiceinfra.calls.retry import RetryPolicy
from airflow_provider_voiceinfra.calls.transport import Timeouts
from tests.dags import faults
from tests.support.faults import cells


@pytest.fixture
def run(airflow_database, voiceinfra, monkeypatch):
    """Run a cell's DAG, less patiently than the default: a slow answer is too slow, a late webhook comes soon."""
    monkeypatch.setattr(api, "Timeouts", partial(Timeouts, read=2.0))
    monkeypatch.setattr(dialing, "RetryPolicy", partial(RetryPolicy, attempts=3, base=0.1))
    monkeypatch.setattr(voiceinfra.sandbox._calls, "_late", 0.5)

    def run_cell(cell):
        # Where none comes, waiting for it is in vain.
        wait = timedelta(seconds=2 if cell.state == "failed" else 120)
        dag = faults.make_dag(cell.way, completion_timeout=wait)
        return dag.test(run_conf={"to_number": cell.number})

    return run_cell


@pytest.mark.parametrize("cell", cells("plain", "blocking"), ids=lambda cell: f"{cell.code}-{cell.way}")
def test_one_call_at_most_and_the_right_end(run, voiceinfra, capfd, cell):
    ended = run(cell)
    [task] = ended.get_task_instances()
    assert (len(voiceinfra.dials), ended.state) == (cell.dials, cell.state)
    if ended.state == "success":
        [dial] = voiceinfra.dials
        assert task.xcom_pull("call") == dial.call_id
        assert voiceinfra.store.calls.get(dial.call_id).state == "completed" or cell.way == "plain"
    else:
        assert task.try_number == cell.tries
        cell.check_shows_no_secret("".join(capfd.readouterr()))
