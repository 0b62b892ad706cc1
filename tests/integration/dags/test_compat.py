"""Each function of ``compat`` does what it says, in the lowest and the newest supported Airflow."""

from __future__ import annotations

from copy import copy
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from airflow.models.taskinstancekey import TaskInstanceKey
from airflow.sdk import DAG, BaseOperator

from airflow_provider_voiceinfra import compat
from airflow_provider_voiceinfra.compat import BASE_ARGUMENTS, Renderer, forget_arguments, has_post_execute
from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator
from airflow_provider_voiceinfra.templates import text_environment, typed_environment
from tests.dags import one_call, private_api
from tests.dags.one_call import NUMBER
from tests.integration.dags.conftest import Run

DAY = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.fixture(scope="module")
def run(airflow_database):
    """A run of the DAG that uses what is private."""
    made = private_api.dag.test(logical_date=DAY)
    assert made.state == "success"
    return Run(str(made.state), made.run_id, made.dag_id)


def key_of(run, task_id, map_index=-1):
    return TaskInstanceKey(run.dag_id, task_id, run.run_id, 1, map_index)


def test_base_arguments_are_what_airflow_makes_operators_with():
    class Strict(BaseOperator):
        def __init__(self, **kwargs):
            assert not kwargs.keys() - BASE_ARGUMENTS
            super().__init__(**kwargs)

        def execute(self, context):
            pass

    with DAG("strict", schedule=None, default_args={"retries": 2}):
        Strict(task_id="plain", pool="calls", pre_execute=print, post_execute=print, on_failure_callback=print)
        Strict.partial(task_id="mapped", queue="calls").expand(doc_md=["one", "two"])


def test_text_stays_text_and_other_expressions_keep_their_type_where_wanted():
    def rendered(template, environment):
        return Renderer().render_template(template, {"number": NUMBER, "count": 3}, environment, set())

    assert rendered("{{ number }}", text_environment(None)) == NUMBER
    assert rendered("{{ number }}", typed_environment(None)) == NUMBER
    assert rendered("{{ count }}", text_environment(None)) == "3"
    assert rendered(["{{ count }}", "{{ count }} calls"], typed_environment(None)) == [3, "3 calls"]


def test_fields_of_objects_within_a_value_are_rendered_and_a_failing_template_is_not_logged(caplog, capfd):
    nested = SimpleNamespace(template_fields=("words",), words="{{ number }}")
    Renderer().render_template([nested], {"number": NUMBER}, text_environment(None), set())
    assert nested.words == NUMBER
    nested.words = "Sarah {{ 1 / 0 }}"
    with pytest.raises(ZeroDivisionError):
        Renderer().render_template([nested], {}, text_environment(None), set())
    assert "Sarah" not in caplog.text + "".join(capfd.readouterr())


def test_a_value_may_name_a_file_by_its_end_only(tmp_path):
    (tmp_path / "people.sql").write_text("On {{ day }}")
    environment = DAG("files", schedule=None, template_searchpath=[str(tmp_path)]).get_template_env()
    assert Renderer((".sql",)).render_template("people.sql", {"day": "Monday"}, environment, set()) == "On Monday"
    assert Renderer().render_template("people.sql", {}, environment, set()) == "people.sql"


@pytest.mark.parametrize(
    ("task_id", "from_the_dag_file"),
    [
        ("plain", {"words": True, "place": True}),
        ("over_data", {"words": False, "place": True}),
        ("over_literals", {"words": True, "place": True}),
    ],
)
def test_plain_and_mapped_tasks_render_their_own_fields_and_know_data(run, task_id, from_the_dag_file):
    assert run.xcom(task_id, map_index=-1 if task_id == "plain" else 0) == from_the_dag_file


def test_a_running_task_forgets_the_fields_that_it_was_made_with_and_its_copies_do_not():
    task = OutboundCallOperator(task_id="call", to_number=NUMBER, context="owes us 4711 dollars", retries=2)
    other = copy(task)
    forget_arguments(task)
    assert "4711" in str(vars(other))
    vars(task).pop("context")
    assert "4711" not in str(vars(task))
    assert vars(task)["_BaseOperator__init_kwargs"]["retries"] == 2


def test_what_is_to_run_after_execute_is_noticed():
    class OwnMethod(OutboundCallOperator):
        def post_execute(self, context, result=None):
            pass

    assert not has_post_execute(OutboundCallOperator(task_id="call", to_number=NUMBER))
    assert has_post_execute(OutboundCallOperator(task_id="call", to_number=NUMBER, post_execute=print))
    assert has_post_execute(OwnMethod(task_id="call", to_number=NUMBER))


def test_xcoms_and_fields_of_a_task_are_read_back(run_dag, voiceinfra):
    run = run_dag(one_call.then_poke)
    call = key_of(run, "call")
    [dial] = voiceinfra.dials
    assert (
        compat.read_xcom(call, "call_id") == compat.read_rendered_field(key_of(run, "wait"), "call_id") == dial.call_id
    )
    assert compat.read_xcom(call, "no_key") is compat.read_rendered_field(call, "no_field") is None
    assert compat.read_xcom(key_of(run, "no_task"), "call_id") is None
    assert compat.read_rendered_field(key_of(run, "no_task"), "call_id") is None
    assert run.dag_id in compat.read_dag_ids()
    assert compat.read_team_name(run.dag_id) is None


def test_xcoms_that_a_trigger_pushes_are_as_those_of_a_worker(run):
    key = key_of(run, "push")
    assert compat.read_xcom(key, "by_trigger") == compat.read_xcom(key, "by_worker") == private_api.PUSHED
    assert run.xcom("push", "by_trigger") == private_api.PUSHED


def test_a_logical_date_is_read_back(run):
    assert compat.read_run_names(run.dag_id, run.run_id) == (run.run_id, DAY.isoformat())
    assert compat.read_run_names(run.dag_id, "no_run") == ("no_run",)
