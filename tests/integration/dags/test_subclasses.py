"""Users' own operators add template fields, and set fields while they run."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.dags import subclasses
from tests.dags.subclasses import NUMBER, VOICEMAIL, WORDS


@pytest.fixture
def run(airflow_database, voiceinfra):
    """Run a DAG, and give its state and what callbacks see of the task at its end."""

    def run(way):
        seen = []
        dag = subclasses.make_dag(
            way, default_args={"on_success_callback": lambda context: seen.append(context["task"])}
        )
        state = dag.test(logical_date=datetime(2026, 11, 25, tzinfo=UTC)).state
        return state, seen

    return run


def test_a_field_that_a_subclass_adds_is_rendered(run, voiceinfra):
    run(subclasses.adds_field)
    [dial] = voiceinfra.dials
    assert dial.first_message == f"Hello on 2026-11-25, {WORDS}"


def test_what_pre_execute_sets_is_called_and_hidden(run, voiceinfra):
    _, [task] = run(subclasses.sets_before)
    [dial] = voiceinfra.dials
    assert (dial.to_number, dial.context, dial.variables) == (NUMBER, WORDS, {"name": WORDS})
    assert (task.to_number, task.context, task.variables) == ("+1212•••0100", "•••", {"name": "•••"})


def test_so_is_what_the_argument_of_that_name_sets(run, voiceinfra):
    run(subclasses.sets_before_by_argument)
    assert [dial.to_number for dial in voiceinfra.dials] == [NUMBER]


def test_what_execute_sets_is_called_again_after_a_wait(run, voiceinfra):
    run(subclasses.sets_number)
    assert [dial.to_number for dial in voiceinfra.dials] == [VOICEMAIL, VOICEMAIL]


def test_a_mask_is_never_sent(run, voiceinfra, capfd):
    state, _ = run(subclasses.reads_masked)
    assert state == "failed"
    assert not voiceinfra.dials
    assert "variables was set to a partly masked value" in "".join(capfd.readouterr())


def test_rows_that_pre_execute_sets_are_called(run, voiceinfra):
    _, [task] = run(subclasses.sets_rows)
    [dial] = voiceinfra.dials
    assert (dial.to_number, dial.first_message) == (NUMBER, WORDS)
    assert (task.calls, task.first_message) == ("1 rows", "•••")
