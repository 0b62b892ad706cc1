"""Data is never rendered as a template, and a template that fails is not logged, on a real Airflow."""

from __future__ import annotations

from tests.dags.templates import BRACES, NUMBER, PERSON


def test_what_expand_kwargs_takes_from_a_task_reaches_the_agent_as_it_is(airflow, sandbox):
    run_id = airflow.trigger_dag("templates_of_kwargs")
    assert airflow.wait_for_run("templates_of_kwargs", run_id, timeout=300) == "success"
    [dial] = [dial for dial in sandbox.dials if dial.context == BRACES]
    assert (dial.to_number, dial.first_message) == (NUMBER, PERSON["first_message"])
    assert dial.variables == PERSON["variables"]


def test_a_template_that_fails_is_named_in_the_log_and_not_shown(airflow, sandbox):
    run_id = airflow.trigger_dag("templates_failing")
    assert airflow.wait_for_run("templates_failing", run_id, timeout=300) == "failed"
    log = airflow.task_log("templates_failing", run_id, "call")
    assert "The template of variables failed: ZeroDivisionError" in log
    assert not [word for word in ("Sarah", "gout", NUMBER, NUMBER[2:]) if word in log]
