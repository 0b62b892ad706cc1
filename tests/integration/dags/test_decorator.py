"""``@task.outbound_call`` places the call that a function returns, with the operator's promises."""

from __future__ import annotations

import pytest

from airflow_provider_voiceinfra.decorators.outbound_call import CallFields
from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator
from tests.dags.decorated import NUMBER, make_dag
from tests.integration.dags.conftest import Run

WORDS = "owes us 4711 dollars"


@pytest.fixture
def run(airflow_database, voiceinfra):
    def run(fields, **options):
        dag = make_dag(fields, **options)
        result = dag.test()
        return Run(str(result.state), result.run_id, dag.dag_id)

    return run


def fields(number, task_id):
    return {"to_number": number, "context": WORDS, "variables": {"task": task_id, "tier": 5}, "metadata": {"id": 7}}


def test_it_places_the_call_that_the_function_returns(run, voiceinfra):
    result = run(fields)
    [dial] = voiceinfra.dials
    assert (dial.to_number, dial.context, dial.variables) == (NUMBER, WORDS, {"task": "call", "tier": 5})
    assert result.xcom("call") == result.xcom("call", "call_id") == dial.call_id
    assert voiceinfra.store.calls.get(dial.call_id).metadata == {"id": 7}


def test_what_it_does_not_return_is_as_the_decorator_was_given_it(run, voiceinfra):
    run({"to_number": "(212) 555-0100"}, default_region="US", first_message="Hello on {{ ds_nodash }}")
    [dial] = voiceinfra.dials
    assert dial.to_number == NUMBER
    assert dial.first_message.startswith("Hello on 2")


def test_mapped_it_calls_each_person(run, voiceinfra):
    people = [f"+1{area}5550100" for area in (212, 310, 415)]
    assert run(fields, people=people).state == "success"
    assert sorted(dial.to_number for dial in voiceinfra.dials) == people


@pytest.mark.parametrize("deferrable", [True, False])
def test_it_waits_for_the_end_as_the_operator_does(run, voiceinfra, deferrable):
    result = run(fields, wait_for_completion=True, deferrable=deferrable)
    assert result.xcom("call", "completion")["call_outcome"] == "answered"
    assert len(voiceinfra.dials) == 1


def test_it_redials_as_the_operator_does(run, voiceinfra):
    from datetime import timedelta

    from airflow_provider_voiceinfra.calls.redial import Redial

    run({"to_number": "+12125550101"}, redial=Redial(attempts=2, wait=timedelta(0)), deferrable=True)
    assert len(voiceinfra.dials) == 2


def test_one_own_key_is_one_call_across_runs(run, voiceinfra):
    for _ in range(2):
        run({"to_number": NUMBER, "idempotency_key": "reminder-4711"})
    assert len(voiceinfra.dials) == 1


def test_rendered_fields_hide_who_is_called_and_what_the_function_was_given(run, voiceinfra):
    for people in (None, [NUMBER]):
        rendered = run(fields, people=people).rendered("call", -1 if people is None else 0)
        assert rendered.keys() >= {"op_args", "op_kwargs", "to_number"}
        # By us: Airflow's own masking of secrets is a second net.
        assert "•••" in str(rendered["op_kwargs"])
        assert "***" not in str(rendered)
        assert "2125550100" not in str(rendered)
        assert WORDS not in str(rendered)


def test_callbacks_see_the_task_with_its_fields_hidden(run, voiceinfra):
    seen = []
    run(fields, on_success_callback=lambda context: seen.append(context["task"]))
    [task] = seen
    assert (task.to_number, task.context, task.variables) == ("+1212•••0100", "•••", {"task": "•••", "tier": "•••"})


@pytest.mark.parametrize("returned", [None, "+12125550100", {"to_number": NUMBER, "mesage": "Hi"}, {}])
def test_what_is_no_call_fails_and_calls_nobody(run, voiceinfra, returned):
    assert run(returned).state == "failed"
    assert not voiceinfra.dials


def test_its_fields_are_the_operators():
    assert set(CallFields.__annotations__) == set(OutboundCallOperator.template_fields)
