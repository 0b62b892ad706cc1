"""What ``OutboundCallOperator`` promises, in DAGs under ``dag.test()``."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_voiceinfra.calls.redial import Redial
from airflow_provider_voiceinfra.hooks import voiceinfra as hook
from airflow_provider_voiceinfra.store.errors import StoreError
from tests.dags import one_call

NAME, SECRET_WORDS = "Sarah Connor", "owes us 4711 dollars"
WORDS = {
    "first_message": f"Hello {NAME}",
    "context": SECRET_WORDS,
    "variables": {"name": NAME, "tier": 5, "nested": {"word": SECRET_WORDS}},
}


def test_the_call_id_is_returned_and_pushed(run_dag, voiceinfra):
    run = run_dag(one_call.plain)
    assert run.state == "success"
    [dial] = voiceinfra.dials
    assert run.xcom("call") == run.xcom("call", "call_id") == dial.call_id


def test_every_field_reaches_voiceinfra_with_its_type(run_dag, voiceinfra):
    run_dag(one_call.plain, to_number="(212) 555-0101", default_region="US", metadata={"id": 7}, **WORDS)
    [dial] = voiceinfra.dials
    assert dial.to_number == "+12125550101"
    assert dial.variables == WORDS["variables"]
    assert (dial.first_message, dial.context) == (WORDS["first_message"], WORDS["context"])
    assert voiceinfra.store.calls.get(dial.call_id).metadata == {"id": 7}


@pytest.mark.parametrize("way", [one_call.deferring, one_call.blocking])
def test_waiting_for_completion_pushes_what_was_asked_for_and_no_more(run_dag, voiceinfra, way):
    voiceinfra.outcome("+12125550100", "answered", summary="Yes.", extracted_data={"confirmed": True})
    run = run_dag(way)
    completion = run.xcom("call", "completion")
    assert completion.keys() == {
        "call_id",
        "call_outcome",
        "duration_seconds",
        "start_time",
        "end_time",
        "summary",
        "extracted",
    }
    assert completion["call_outcome"] == "answered"
    assert (completion["summary"], completion["extracted"]) == ("Yes.", {"confirmed": True})
    assert run.xcom("call") == completion["call_id"]


def test_an_outcome_that_fails_the_task_is_no_reason_to_call_again(run_dag, voiceinfra):
    run = run_dag(one_call.particular, to_number="+12125550101")
    assert run.state == "failed"
    assert len(voiceinfra.dials) == 1


def test_rendered_fields_hide_who_is_called_and_what_is_said(run_dag, voiceinfra):
    run = run_dag(one_call.plain, idempotency_key="reminder-+12125550100-monday", metadata={"for": NAME}, **WORDS)
    rendered = run.rendered("call")
    assert rendered["to_number"] == "+1212•••0100"
    assert rendered["variables"].keys() == {"name", "tier", "nested"}
    assert rendered["metadata"] == {"for": "•••"}
    assert "monday" in rendered["idempotency_key"]
    for secret in ("+12125550100", "2125550100", NAME, SECRET_WORDS, "4711"):
        assert secret not in str(rendered)


def test_rendered_fields_of_mapped_tasks_hide_them_too(run_dag, voiceinfra):
    run = run_dag(one_call.many)
    assert run.state == "success"
    for index in range(3):
        rendered = run.rendered("call", index)
        assert "•••" in rendered["to_number"]
        assert "Person" not in str(rendered)
    assert {dial.variables["name"] for dial in voiceinfra.dials} == {"Person 212", "Person 310", "Person 415"}


def test_one_own_key_is_one_call_across_runs_and_dags(run_dag, voiceinfra):
    first = run_dag(one_call.plain, idempotency_key="reminder-4711")
    second = run_dag(one_call.deferring, idempotency_key="reminder-4711")
    assert first.xcom("call") == second.xcom("call")
    assert len(voiceinfra.dials) == 1


def test_another_call_under_an_own_key_is_refused(run_dag, voiceinfra):
    run_dag(one_call.plain, idempotency_key="reminder-4711", context="one")
    assert run_dag(one_call.plain, idempotency_key="reminder-4711", context="another").state == "failed"
    assert len(voiceinfra.dials) == 1


@pytest.mark.parametrize(("logical_date", "dials"), [(datetime(2026, 11, 25, tzinfo=UTC), 1), (None, 2)])
def test_a_run_has_its_calls_by_its_logical_date_and_where_it_has_none_by_its_id(
    airflow_database, voiceinfra, logical_date, dials
):
    dag = one_call.make_dag(one_call.plain)
    states = [dag.test(logical_date=logical_date).state for _ in range(2)]
    assert states == ["success", "success"]
    assert len(voiceinfra.dials) == dials


def test_a_number_stays_a_text_where_templates_are_native(run_dag, voiceinfra):
    # Python would read it as an integer, without the + that tells a Swiss number from an American one.
    run_dag(one_call.native, to_number="{{ '+12125550101' }}", context="{{ 7 }}", variables="{{ {'n': 7} }}")
    [dial] = voiceinfra.dials
    assert (dial.to_number, dial.context, dial.variables) == ("+12125550101", "7", {"n": 7})


@pytest.mark.parametrize("names", ["summary", 7, [None]])
def test_a_list_of_names_that_is_none_fails_when_the_dag_is_parsed(names):
    from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator

    with pytest.raises(TypeError, match="completion_fields"):
        OutboundCallOperator(task_id="call", to_number="+12125550100", completion_fields=names)


@pytest.mark.parametrize(
    "asked", [{"fail_on_outcomes": ["failed"]}, {"completion_fields": ["summary"]}, {"end_from_trigger": True}], ids=str
)
def test_what_is_asked_of_an_end_that_is_not_waited_for_fails_when_the_dag_is_parsed(asked):
    from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator

    with pytest.raises(ValueError, match="set wait_for_completion=True"):
        OutboundCallOperator(task_id="call", to_number="+12125550100", **asked)
    for waits in ({"wait_for_completion": True}, {"redial": Redial()}):
        OutboundCallOperator(task_id="call", to_number="+12125550100", **asked, **waits)


def test_a_template_that_fails_does_not_tell_its_text(run_dag, voiceinfra, capfd):
    run = run_dag(
        one_call.plain, context="Sarah has gout, ring +12125550100 {% oops %}", variables={"n": "gout {% x %}"}
    )
    assert run.state == "failed"
    output = "".join(capfd.readouterr())
    assert "gout" not in output
    assert not voiceinfra.dials


def test_calls_that_are_placed_are_counted_when_they_are_on_disk(run_dag, voiceinfra, monkeypatch):
    from airflow_provider_voiceinfra.hooks import voiceinfra as hook

    counted = []

    def incr(name, count=1, **_):
        # Airflow 3.2 counts its own by the same object.
        if name.startswith("voiceinfra"):
            counted.append((name, count, [call.call_id is not None for call in voiceinfra.store.calls.iterate()]))
            raise OSError("a count that fails costs nothing")

    monkeypatch.setattr(hook.Stats, "incr", incr)
    for _ in range(2):
        assert run_dag(one_call.plain, idempotency_key="reminder-4711").state == "success"
    assert counted == [("voiceinfra.calls.placed", 1, [True])]
    assert len(voiceinfra.dials) == 1


def test_the_hook_in_a_task_of_ones_own_remembers_the_store_too(run_dag, voiceinfra, monkeypatch):
    remembered = []
    monkeypatch.setattr(hook, "remember_store", lambda context, store: remembered.append(context["ti"].task_id))
    assert run_dag(one_call.by_hook).state == "success"
    assert len(voiceinfra.dials) == 2
    assert remembered == ["call"]


def test_a_call_that_is_not_in_the_store_after_a_wait_names_the_setting(voiceinfra):
    task = one_call.make_dag(one_call.plain).get_task("call")
    with pytest.raises(StoreError, match=r"vc_gone .* \[voiceinfra\] call_store"):
        task.execute_settled({}, {"ref": "vc_gone"})
    assert not voiceinfra.dials
