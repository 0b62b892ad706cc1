"""The triggerer ends a wait wherever nothing needs a worker, and under ``dag.test()`` a worker does."""

from __future__ import annotations

import asyncio
import re
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.sdk import DAG, Asset, task
from airflow.sdk.listener import get_listener_manager
from airflow.triggers.base import TaskSuccessEvent

from airflow_provider_voiceinfra import deferral
from airflow_provider_voiceinfra.calls.redial import Redial
from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator
from airflow_provider_voiceinfra.sensors.call_completion import CallCompletionSensor
from airflow_provider_voiceinfra.triggers import call_completion
from airflow_provider_voiceinfra.triggers.call_completion import CallCompletionTrigger
from tests.dags import one_call
from tests.support.store_samples import deliver

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "waiting.md"
WAITS = {"wait_for_completion": True, "deferrable": True}


class OwnComplete(CallCompletionSensor):
    def execute_complete(self, context, event):
        return super().execute_complete(context, event)


class OwnPost(CallCompletionSensor):
    def post_execute(self, context, result=None):
        pass


def sensor(kind=CallCompletionSensor, **options):
    with DAG("waits", schedule=None):
        return kind(**{"task_id": "wait", "call_id": "call-1", "deferrable": True, **options})


def call(**options):
    with DAG("waits", schedule=None):
        return OutboundCallOperator(task_id="wait", to_number="+12125550100", **WAITS, **options)


def mapped_over():
    with DAG("waits", schedule=None):
        wait = CallCompletionSensor(task_id="wait", call_id=["call-1"], deferrable=True)

        @task
        def each(result):
            pass

        each.expand(result=wait.output)
    return wait


REASONS = {
    "`outlets`": lambda: sensor(outlets=[Asset("called")]),
    "`on_success_callback`": lambda: sensor(on_success_callback=print),
    "`post_execute`": lambda: sensor(post_execute=print),
    "`post_execute` of a subclass": lambda: sensor(OwnPost),
    "`execute_complete` of a subclass": lambda: sensor(OwnComplete),
    "`do_xcom_push=False`": lambda: sensor(do_xcom_push=False),
    "`multiple_outputs=True`": lambda: sensor(multiple_outputs=True),
    "a custom `[core] xcom_backend`": sensor,
    "a task that is mapped over the result": mapped_over,
    "a plugin that listens to task instances, such as OpenLineage": sensor,
    "an outcome in `fail_on_outcomes`, or one to redial": lambda: sensor(fail_on_outcomes=["voicemail"]),
    "an outcome to redial": lambda: call(redial=Redial()),
    "the deadline": sensor,
    "`dag.test()`": sensor,
    "`end_from_trigger=False`": lambda: sensor(end_from_trigger=False),
}
IN_OTHER_ROWS = {"`post_execute` of a subclass", "an outcome to redial"}


@pytest.fixture
def listener():
    """Something that listens to task instances, as a plugin does."""
    listeners, ours = get_listener_manager(), object()
    listeners.add_listener(ours)
    yield
    listeners.pm.unregister(ours)


@pytest.fixture
def who_ends(voiceinfra, monkeypatch):
    """Return who ends the wait of a task for a call that got a voicemail: the triggerer or a worker."""
    monkeypatch.setattr(call_completion, "push_xcoms", lambda ti, xcoms: None)
    deliver(voiceinfra.store, "call-1", call_outcome="voicemail")

    def ends(waiting, deadline=timedelta(hours=1)):
        trigger = CallCompletionTrigger(["call-1"], (datetime.now(UTC) + deadline).isoformat(), waiting._ending())
        trigger._task_instance = object()
        event = asyncio.run(anext(trigger.run()))
        return "triggerer" if isinstance(event, TaskSuccessEvent) else "worker"

    return ends


@pytest.mark.parametrize("make", [sensor, call], ids=["sensor", "operator"])
@pytest.mark.parametrize("given", [None, True])
def test_where_nothing_needs_a_worker_the_triggerer_ends_the_task(who_ends, make, given):
    assert who_ends(make(end_from_trigger=given)) == "triggerer"


@pytest.mark.parametrize("reason", REASONS)
def test_what_needs_a_worker_is_ended_by_one(who_ends, monkeypatch, request, reason):
    deadline = timedelta(hours=1)
    if "xcom_backend" in reason:
        monkeypatch.setenv("AIRFLOW__CORE__XCOM_BACKEND", "our.own.Backend")
    elif "plugin" in reason:
        request.getfixturevalue("listener")
    elif reason == "`dag.test()`":
        monkeypatch.setattr(deferral, "is_dag_test", lambda: True)
    elif reason == "the deadline":
        deadline = timedelta(0)
    assert who_ends(REASONS[reason](), deadline) == "worker"


def test_the_page_lists_them():
    table = PAGE.read_text().partition("| what needs a worker |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| (.+?) \|", table, re.MULTILINE)) == REASONS.keys() - IN_OTHER_ROWS


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"outlets": [Asset("called")]}, "outlets"),
        ({"on_success_callback": print}, "on_success_callback"),
        ({"post_execute": print}, "post_execute"),
        ({"kind": OwnPost}, "post_execute"),
        ({"kind": OwnComplete}, "execute_complete"),
        ({"do_xcom_push": False}, "do_xcom_push=False"),
        ({"multiple_outputs": True}, "multiple_outputs"),
        ({"deferrable": False}, "deferrable=False"),
    ],
)
def test_true_warns_where_a_worker_is_known_to_be_needed(options, reason):
    with pytest.warns(UserWarning, match=f"end_from_trigger=True of 'wait' has no effect.*{reason}") as warned:
        sensor(end_from_trigger=True, **options)
    assert warned[0].filename == __file__
    with warnings.catch_warnings(action="error"):
        sensor(**options)
        sensor(end_from_trigger=False, **options)
        sensor(end_from_trigger=True)


FILE = """
from airflow.sdk import DAG
from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator
from airflow_provider_voiceinfra.sensors.call_completion import CallCompletionSensor

with DAG("ends_from_trigger", schedule=None):
    OutboundCallOperator(
        task_id="call", to_number="+12125550100", wait_for_completion=True, deferrable=True, end_from_trigger=GIVEN
    )
    CallCompletionSensor(task_id="wait", call_id="call-1", deferrable=True, end_from_trigger=GIVEN)
"""


@pytest.mark.parametrize("given", ["None", "True", "False"])
def test_airflow_accepts_the_dag_file_while_a_plugin_listens(airflow_database, tmp_path, monkeypatch, given):
    from airflow.dag_processing import dagbag

    class Listening:
        has_listeners = True

    monkeypatch.setattr(dagbag, "get_listener_manager", Listening)
    (tmp_path / "file.py").write_text(FILE.replace("GIVEN", given))
    bag = dagbag.DagBag(tmp_path)
    assert bag.import_errors == {}
    assert list(bag.dags) == ["ends_from_trigger"]


@pytest.mark.parametrize("way", [one_call.deferring, one_call.then_defer])
@pytest.mark.parametrize("given", [None, True, False])
def test_under_dag_test_every_setting_ends_the_same_way(run_dag, deferrals, voiceinfra, way, given):
    run = run_dag(way, end_from_trigger=given)
    assert run.state == "success"
    assert len(deferrals) == 1
    [dial] = voiceinfra.dials
    task_id, key = ("call", "completion") if way is one_call.deferring else ("wait", "return_value")
    assert run.xcom(task_id, key)["call_id"] == dial.call_id
