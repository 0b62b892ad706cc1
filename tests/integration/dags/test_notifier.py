"""``VoiceInfraNotifier`` phones the person on call, once for a run, and fails nothing."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_voiceinfra.errors import CallNotSentError
from airflow_provider_voiceinfra.hooks.voiceinfra import VoiceInfraHook
from airflow_provider_voiceinfra.notifications.voiceinfra import VoiceInfraNotifier
from airflow_provider_voiceinfra.store.guard.pauses import Scope
from tests.dags import failing
from tests.integration.dags.conftest import Run

NUMBER, WORDS = "+12125550100", "owes us 4711 dollars"
CONTEXT = {"dag": failing.failing, "run_id": "manual__1", "reason": "task_failure"}
DEADLINE = {
    "dag_run": {"dag_id": "late", "dag_run_id": "manual__1", "logical_date": None},
    "deadline": {"id": "1", "deadline_time": "2026-11-25T00:00:00Z"},
}


def notifier(**fields):
    return VoiceInfraNotifier(**{"to_number": NUMBER, "first_message": "{{ dag.dag_id }} failed"} | fields)


@pytest.fixture
def failing_dag(airflow_database, voiceinfra):
    """Run a DAG of which tasks fail."""

    def run(**options):
        dag = failing.make_dag(**options)
        result = dag.test()
        return Run(str(result.state), result.run_id, dag.dag_id)

    return run


def test_a_failing_task_phones_the_person_on_call(failing_dag, voiceinfra):
    fields = {"call_context": "run {{ run_id }}", "variables": {"task": "{{ ti.task_id }}"}}
    run = failing_dag(on_failure_callback=notifier(**fields))
    [dial] = voiceinfra.dials
    assert (dial.to_number, dial.first_message) == (NUMBER, "failing failed")
    assert (dial.context, dial.variables) == (f"run {run.run_id}", {"task": "fail"})
    call = voiceinfra.store.calls.get(dial.call_id)
    assert (call.source.dag_id, call.source.run_id) == ("failing", run.run_id)


def test_a_hundred_failing_mapped_tasks_make_one_call(failing_dag, voiceinfra):
    failing_dag(mapped=20, on_failure_callback=notifier(first_message="{{ ti.map_index }} of {{ dag.dag_id }} failed"))
    assert len(voiceinfra.dials) == 1


def test_each_run_each_person_and_each_message_is_a_call(failing_dag, voiceinfra):
    callbacks = [notifier(), notifier(to_number="+12125550101"), notifier(first_message="another")]
    failing_dag(on_failure_callback=callbacks)
    failing_dag(on_failure_callback=callbacks)
    assert len(voiceinfra.dials) == 6


def test_a_run_that_fails_again_after_a_clear_is_another_call(voiceinfra):
    one = notifier()
    for clears in (0, 0, 1):
        one({"dag_run": {"dag_id": "d", "run_id": "r", "clear_number": clears}, "run_id": "r"})
    assert len(voiceinfra.dials) == 2


def test_a_key_of_your_own_is_one_call_across_runs(failing_dag, voiceinfra):
    for _ in range(2):
        failing_dag(on_failure_callback=notifier(idempotency_key="{{ dag.dag_id }}-is-down"))
    assert len(voiceinfra.dials) == 1


def test_a_failed_dag_phones(voiceinfra):
    notifier()(dict(CONTEXT))
    assert [dial.first_message for dial in voiceinfra.dials] == ["failing failed"]


async def awaited(fields, context):
    await VoiceInfraNotifier(**fields, context=context)


def test_a_deadline_phones_from_the_triggerer(voiceinfra):
    import asyncio

    fields = {"to_number": NUMBER, "first_message": "{{ dag.dag_id }} is late"}
    for _ in range(2):
        asyncio.run(awaited(fields, dict(DEADLINE)))
    [dial] = voiceinfra.dials
    assert dial.first_message == "late is late"
    call = voiceinfra.store.calls.get(dial.call_id)
    assert (call.source.dag_id, call.source.run_id) == ("late", "manual__1")


def test_one_notifier_serves_several_runs(voiceinfra):
    one = notifier(first_message="{{ run_id }} failed")
    for run_id in ("a", "b"):
        one({"dag_run": {"dag_id": "d", "run_id": run_id}, "run_id": run_id})
    assert [dial.first_message for dial in voiceinfra.dials] == ["a failed", "b failed"]


class TestNothingFails:
    @pytest.mark.parametrize(
        ("fields", "reason"),
        [
            ({"to_number": "nobody"}, "to_number"),
            ({"first_message": f"{WORDS} {{{{ 1 / 0 }}}}"}, "ZeroDivisionError"),
            ({"first_message": WORDS + "{{ no.such.thing }}"}, "UndefinedError"),
            ({"voiceinfra_conn_id": "none"}, "none"),
            ({"idempotency_key": "{{ '' }}"}, "idempotency_key"),
        ],
    )
    def test_whatever_is_wrong_with_it(self, voiceinfra, caplog, fields, reason):
        notifier(**fields)(dict(CONTEXT))
        assert not voiceinfra.dials
        [record] = [each for each in caplog.records if "VoiceInfraNotifier failed" in each.getMessage()]
        assert record.levelno == logging.ERROR
        assert reason in record.getMessage()
        assert WORDS not in caplog.text

    def test_where_a_variable_is_not_set_the_field_and_the_variable_are_named(self, failing_dag, voiceinfra, caplog):
        failing_dag(on_failure_callback=notifier(to_number="{{ var.value.on_call }}"))
        assert not voiceinfra.dials
        assert "The template of to_number failed: Airflow's variable 'on_call' is not set." in caplog.text

    def test_when_the_store_is_missing(self, voiceinfra, caplog):
        voiceinfra.store.close()
        voiceinfra.store.database.path.unlink()
        notifier()(dict(CONTEXT))
        assert "There is no call store" in caplog.text

    def test_when_voiceinfra_is_away(self, voiceinfra, caplog, monkeypatch):
        def place(*_, **__):
            raise CallNotSentError("connection refused")

        monkeypatch.setattr(VoiceInfraHook, "place", place)
        notifier()(dict(CONTEXT))
        assert "connection refused" in caplog.text

    def test_when_the_guard_does_not_let_it_be_dialled(self, voiceinfra, caplog):
        voiceinfra.store.pauses.pause(Scope.DAG, "failing", reason="maintenance", actor="ada")
        notifier()(dict(CONTEXT))
        assert "is paused" in caplog.text
        assert not voiceinfra.dials
