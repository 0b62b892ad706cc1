"""Task instances lead to their calls and lists, by ref and id only, as soon as there is something to see."""

from __future__ import annotations

from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from airflow.models.taskinstancekey import TaskInstanceKey

from airflow_provider_voiceinfra.plugin.links import CallLink, CallListLink
from airflow_provider_voiceinfra.store.reads.call_filter import CallFilter
from tests.dags import call_lists, linked, one_call
from tests.integration.dags.conftest import Run

CALLS = "/voiceinfra/calls"


def link(run, task_id, link=CallLink, map_index=-1):
    """The link as Airflow's UI asks for it."""
    key = TaskInstanceKey(run.dag_id, task_id, run.run_id, 1, map_index)
    return link().get_link(None, ti_key=key)


def test_a_task_leads_to_its_call(run_dag, voiceinfra):
    run = run_dag(one_call.plain)
    ref = voiceinfra.store.calls.get(run.xcom("call")).ref
    assert link(run, "call") == f"{CALLS}/{ref}"


def test_a_task_that_has_met_a_call_of_another_run_leads_there(run_dag, voiceinfra):
    first, second = (run_dag(one_call.plain, idempotency_key="reminder-7") for _ in range(2))
    assert first.run_id != second.run_id
    assert link(second, "call") == link(first, "call") != ""


def test_each_mapped_task_leads_to_its_own(run_dag, voiceinfra):
    run = run_dag(one_call.many)
    refs = [voiceinfra.store.calls.get(run.xcom("call", map_index=index)).ref for index in range(3)]
    assert len(set(refs)) == 3
    assert [link(run, "call", map_index=index) for index in range(3)] == [f"{CALLS}/{ref}" for ref in refs]
    # Of those that it waits for, one would not be enough.
    assert link(run, "wait") == f"{CALLS}/?{urlencode({'dag': run.dag_id, 'run': run.run_id})}"


def test_a_call_that_was_not_placed_is_led_to_by_its_task(run_dag, voiceinfra):
    voiceinfra.store.do_not_call.add([one_call.NUMBER], actor="ada", reason="asked by mail")
    run = run_dag(one_call.plain)
    [call] = voiceinfra.store.calls.iterate(CallFilter(dag_id=run.dag_id))
    assert (call.state, call.call_id) == ("do_not_call", None)
    assert link(run, "call") == f"{CALLS}/{call.ref}"


def test_a_sensor_leads_to_the_call_that_it_waits_for(run_dag, voiceinfra):
    run = run_dag(one_call.then_poke)
    assert link(run, "wait") == link(run, "call")


def test_a_task_that_has_placed_nothing_leads_nowhere(run_dag):
    run = Run("success", "no_run", "no_dag")
    assert link(run, "call") == link(run, "call", CallListLink) == ""


def test_a_list_is_led_to(airflow_database, voiceinfra):
    dag = call_lists.make_dag(call_lists.of_rows, calls=[{"to_number": "+12125550101"}])
    made = dag.test()
    run = Run(str(made.state), made.run_id, dag.dag_id)
    assert link(run, "call", CallListLink) == f"{CALLS}/lists/{run.xcom('call', 'list_id')}"


def test_airflow_finds_the_links_of_our_operators_which_the_plugin_alone_registers(airflow_database, monkeypatch):
    from airflow.plugins_manager import get_operator_extra_links
    from airflow.providers_manager import ProvidersManager
    from airflow.serialization.serialized_objects import DagSerialization

    # As Airflow's API server sets it; what acts as its scheduler in other tests turns it off, for the whole process.
    monkeypatch.setattr(DagSerialization, "_load_operator_extra_links", True)
    assert {type(each).__name__ for each in get_operator_extra_links()} >= {"CallLink", "CallListLink"}
    assert not any("voiceinfra" in name for name in ProvidersManager().extra_links_class_names)
    for dag, task_id, names in (
        (one_call.make_dag(one_call.plain), "call", ["Call"]),
        (one_call.make_dag(one_call.many), "call", ["Call"]),
        (one_call.make_dag(one_call.then_poke), "wait", ["Call"]),
        (call_lists.make_dag(call_lists.of_rows, calls=[]), "call", ["Call list"]),
    ):
        read = DagSerialization.from_dict(DagSerialization.to_dict(dag))
        assert sorted(read.get_task(task_id).extra_links) == names


def test_subclasses_and_decorated_functions_lead_to_theirs_mapped_or_not(airflow_database, voiceinfra, monkeypatch):
    from airflow.serialization.serialized_objects import DagSerialization

    monkeypatch.setattr(DagSerialization, "_load_operator_extra_links", True)
    made = linked.linked.test()
    assert made.state == "success"
    run = Run(str(made.state), made.run_id, "linked")
    read = DagSerialization.from_dict(DagSerialization.to_dict(linked.linked))

    def shown(task_id, map_index=-1):
        """All links of a task instance, as Airflow's UI asks for them."""
        ti, operator = (
            SimpleNamespace(key=TaskInstanceKey("linked", task_id, made.run_id, 1, map_index)),
            read.get_task(task_id),
        )
        return {name: operator.get_extra_links(ti, name) for name in operator.extra_links}

    def of_call(task_id, map_index=-1):
        call = voiceinfra.store.calls.get(run.xcom(task_id, "call_id", map_index))
        return {"Call": f"{CALLS}/{call.ref}"}

    for task_id, map_index in (("one", -1), ("many", 0), ("many", 1), ("decorated", -1), ("decorated_mapped", 1)):
        assert shown(task_id, map_index) == of_call(task_id, map_index)
    assert shown("wait") == of_call("one")
    assert run.rendered("wait")["note"] == "linked"
    assert shown("wait_mapped", 1) == of_call("many", 1)
    assert shown("list") == {"Call list": f"{CALLS}/lists/{run.xcom('list', 'list_id')}"}


@pytest.mark.parametrize("base_url", ["https://airflow.example.com/team", "https://airflow.example.com/team/"])
def test_links_are_below_airflows_own_path(monkeypatch, run_dag, base_url):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)
    run = run_dag(one_call.plain)
    assert link(run, "call").startswith(f"/team{CALLS}/vc_")
