"""Text stays text where a DAG renders native objects, and what is an integer all the same calls nobody."""

from __future__ import annotations

import pytest

from tests.dags import templates

ABROAD = "+6592345678"
"""Without its ``+``, it is read as a number of the connection's region."""


@pytest.mark.parametrize(
    "way",
    [
        templates.number_of_a_param,
        templates.number_of_a_row,
        templates.number_of_a_function,
        templates.number_of_mapped_functions,
        templates.number_of_literals,
    ],
)
def test_a_number_stays_text_where_templates_are_native(run_templates, voiceinfra, way):
    run_templates(way, render_template_as_native_obj=True, params={"number": ABROAD})
    [dial] = voiceinfra.dials
    assert dial.to_number == ABROAD


FROM_A_TASK = [
    templates.number_of_a_task,
    templates.number_pulled_from_a_task,
    templates.number_of_mapped_tasks,
    templates.number_of_a_function_of_a_task,
]


@pytest.mark.parametrize("way", FROM_A_TASK)
def test_an_integer_that_another_task_has_made_of_a_number_calls_nobody(run_templates, voiceinfra, capfd, way):
    result = run_templates(way, render_template_as_native_obj=True, params={"number": ABROAD})
    assert result.state == "failed"
    assert not voiceinfra.dials
    assert "to_number must be a string" in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    ("way", "native"),
    [
        (templates.number_of_a_param, False),
        (templates.number_of_a_param, True),
        (templates.number_of_a_row, True),
        (templates.number_of_a_function, True),
    ],
)
def test_an_integer_param_calls_nobody(run_templates, voiceinfra, way, native):
    assert run_templates(way, render_template_as_native_obj=native, params={"number": 6592345678}).state == "failed"
    assert not voiceinfra.dials
