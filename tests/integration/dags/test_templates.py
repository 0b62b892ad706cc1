"""What the DAG file says is rendered, once; what comes as data is not, whatever is in it."""

from __future__ import annotations

import json
from importlib import import_module

import pytest
from airflow.sdk import BaseOperator

from airflow_provider_voiceinfra.get_provider_info import get_provider_info
from airflow_provider_voiceinfra.templates import TemplatedOperator
from tests.dags import templates
from tests.dags.templates import BRACES, NUMBER, PERSON

DAY = "2026-11-25"


@pytest.fixture(params=[False, True], ids=["", "native"])
def sent(request, run_templates, voiceinfra):
    """Return what reached VoiceInfra of each call."""

    def sent(way):
        run_templates(way, render_template_as_native_obj=request.param)
        return voiceinfra.dials

    return sent


@pytest.mark.parametrize("way", [templates.of_kwargs, templates.of_mapped_kwargs, templates.of_joined_kwargs])
def test_expand_kwargs_of_a_task_is_data(sent, voiceinfra, way):
    [dial] = sent(way)
    assert (dial.to_number, dial.first_message, dial.context, dial.variables) == (
        PERSON["to_number"],
        PERSON["first_message"],
        PERSON["context"],
        PERSON["variables"],
    )
    assert voiceinfra.store.calls.get(dial.call_id).metadata == PERSON["metadata"]


def test_one_person_of_a_task_beside_one_of_the_dag_file(sent):
    data, literal = sorted(sent(templates.of_some_kwargs), key=lambda dial: dial.to_number)
    assert (data.first_message, data.variables) == (PERSON["first_message"], PERSON["variables"])
    assert literal.first_message == f"On {DAY}"


def test_outputs_within_a_literal_expand_kwargs_are_data(sent):
    [dial] = sent(templates.of_kwargs_with_outputs)
    assert (dial.to_number, dial.first_message, dial.context) == (NUMBER, BRACES, f"On {DAY}")
    assert dial.variables == {"name": BRACES, "day": DAY}


def test_expand_over_tasks_is_data_at_every_depth(sent):
    [dial] = sent(templates.of_lists)
    assert (dial.first_message, dial.variables) == (BRACES, PERSON["variables"])


def test_templates_are_rendered_beside_expanded_data(sent, voiceinfra):
    [dial] = sent(templates.of_lists_beside_templates)
    assert (dial.to_number, dial.first_message, dial.context) == (NUMBER, BRACES, f"On {DAY}")
    assert dial.variables == voiceinfra.store.calls.get(dial.call_id).metadata == {"day": DAY}


def test_outputs_of_tasks_are_data_at_every_depth(sent):
    [dial] = sent(templates.of_outputs)
    assert (dial.first_message, dial.context) == (BRACES, f"On {DAY}")
    assert dial.variables == {"name": BRACES, "nested": [{"name": BRACES, "day": DAY}]}


def test_what_a_group_of_tasks_is_mapped_over_is_data(sent):
    [dial] = sent(templates.of_a_group)
    assert (dial.first_message, dial.context, dial.variables) == (BRACES, f"On {DAY}", {"name": BRACES})


@pytest.fixture
def warehouse(tmp_path, monkeypatch):
    connection = {"conn_type": "sqlite", "host": str(tmp_path / "warehouse.db")}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))


def test_a_query_of_a_task_is_neither_a_template_nor_the_name_of_a_file(run_templates, voiceinfra, warehouse):
    run_templates(templates.of_a_query)
    [dial] = voiceinfra.dials
    assert dial.first_message == "{{ 1 / 0 }}"


def test_a_file_that_the_dag_names_is_read_and_rendered(run_templates, voiceinfra, warehouse, tmp_path):
    query = f"SELECT '{NUMBER}' AS to_number, 'On {{{{ ds }}}}' AS first_message, 42 AS id"
    (tmp_path / "people.sql").write_text(query)
    run_templates(templates.of_a_file, template_searchpath=[str(tmp_path)])
    [dial] = voiceinfra.dials
    assert dial.first_message == f"On {DAY}"


def test_a_column_of_a_query_may_keep_numbers_as_integers(run_templates, voiceinfra, warehouse, tmp_path):
    (tmp_path / "people.sql").write_text("SELECT 2125550100 AS to_number")
    run_templates(templates.of_a_file, template_searchpath=[str(tmp_path)])
    [dial] = voiceinfra.dials
    assert dial.to_number == NUMBER


def test_what_a_template_pulls_is_rendered_once(sent):
    [dial] = sent(templates.of_pulled_outputs)
    assert (dial.first_message, dial.variables) == (BRACES, {"name": BRACES})


def test_what_a_subclass_makes_of_data_is_data(sent):
    [dial] = sent(templates.of_a_subclass)
    assert dial.first_message == f"Hello {BRACES}"


@pytest.mark.parametrize("way", [templates.of_literals, templates.of_literal_lists])
def test_literals_that_are_expanded_are_templates(sent, way):
    [dial] = sent(way)
    assert (dial.to_number, dial.first_message) == (NUMBER, f"On {DAY}")
    assert DAY in str(dial.variables)
    assert "{{" not in str(dial)


def test_default_args_are_templates_beside_data_with_braces(run_templates, voiceinfra):
    run_templates(templates.of_lists, default_args={"context": "On {{ ds }}"})
    [dial] = voiceinfra.dials
    assert (dial.first_message, dial.context) == (BRACES, f"On {DAY}")


def test_what_a_function_is_given_and_returns_is_data(sent):
    [dial] = sent(templates.of_a_function)
    assert (dial.first_message, dial.context) == (f"{BRACES} on {DAY}", PERSON["context"])
    assert dial.variables == PERSON["variables"]


def test_what_a_mapped_function_is_given_is_data(sent):
    [dial] = sent(templates.of_a_mapped_function)
    assert (dial.first_message, dial.context) == (f"{PERSON['first_message']} on {DAY}", f"On {DAY}")


@pytest.mark.parametrize("way", [templates.of_rows, templates.of_mapped_rows])
def test_rows_of_a_task_are_data(sent, voiceinfra, way):
    [dial] = sent(way)
    assert (dial.first_message, dial.context) == (PERSON["first_message"], BRACES)
    assert dial.variables == {"name": BRACES}
    assert voiceinfra.store.calls.get(dial.call_id).metadata == {"id": BRACES}


def test_literal_rows_are_templates_and_outputs_in_them_are_data(sent, voiceinfra):
    [dial] = sent(templates.of_literal_rows)
    assert (dial.first_message, dial.variables) == (f"On {DAY}, see people.sql", {"name": BRACES})
    assert voiceinfra.store.calls.get(dial.call_id).metadata == {"id": DAY}


def test_every_operator_of_this_package_knows_data_from_templates():
    info = get_provider_info()
    kinds = ("operators", "sensors", "transfers")
    modules = [name for kind in kinds for each in info.get(kind, []) for name in each.get("python-modules", [])]
    modules += [each["python-module"] for each in info["transfers"]]
    members = [member for name in modules for member in vars(import_module(name)).values()]
    operators = {each for each in members if isinstance(each, type) and issubclass(each, BaseOperator)}
    ours = {each for each in operators if each.__module__ in modules and each.template_fields}
    assert {each.__name__ for each in ours} >= {"OutboundCallOperator", "CallCompletionSensor", "CallsToSqlOperator"}
    assert all(issubclass(each, TemplatedOperator) for each in ours)
