"""OpenLineage is told how many calls a task has placed and how they ended, and nobody's number or words."""

from __future__ import annotations

import json

import pytest
from airflow.providers.openlineage.utils.utils import TaskInfoComplete, translate_airflow_asset
from airflow.sdk import Asset
from openlineage.client.serde import Serde

from airflow_provider_voiceinfra.openlineage import OpenLineageMixin
from airflow_provider_voiceinfra.operators.call_list import OutboundCallListOperator
from airflow_provider_voiceinfra.operators.private_fields import PrivateFieldsOperator
from tests.dags import call_lists, decorated, one_call

WORDS = "owes us 4711 dollars"


@pytest.fixture
def emitted(monkeypatch):
    """What each task would tell, as JSON."""
    told = []
    from airflow_provider_voiceinfra.operators.outbound_call import OutboundCallOperator

    execute = OutboundCallOperator.execute

    def then_tell(self, context):
        result = execute(self, context)
        told.append(self.get_openlineage_facets_on_complete(context["ti"]))
        return result

    monkeypatch.setattr(OutboundCallOperator, "execute", then_tell)
    return told


def test_calls_are_counted_by_how_they_ended(run_dag, voiceinfra, emitted):
    run_dag(one_call.blocking, context=WORDS, idempotency_key="reminder-+12125550100")
    [lineage] = emitted
    assert [(each.namespace, each.name) for each in lineage.outputs] == [("voiceinfra://calls", "placed")]
    assert lineage.run_facets["voiceinfra_calls"].calls == {"answered": 1}
    told = json.dumps([Serde.to_dict(each) for each in (*lineage.outputs, *lineage.run_facets.values())])
    assert "2125550100" not in told
    assert WORDS not in told


def test_a_mapped_task_tells_of_its_own_calls_only(run_dag, voiceinfra, emitted):
    run_dag(one_call.many)
    assert [sum(lineage.run_facets["voiceinfra_calls"].calls.values()) for lineage in emitted] == [1, 1, 1]


@pytest.fixture
def whole_tasks(monkeypatch):
    """What OpenLineage tells of each task whose fields were rendered, where it is to include all of a task."""
    tasks = []

    def noting(render):
        def run(self, *args):
            try:
                render(self, *args)
            finally:
                tasks.append(self)

        return run

    render = PrivateFieldsOperator.render_fields
    monkeypatch.setattr(PrivateFieldsOperator, "render_fields", noting(render))

    def told(task):
        # Which attributes it takes depends on its version.
        all_of_it = Serde.remove_nulls_and_enums(TaskInfoComplete(task)), vars(task)
        return json.dumps(all_of_it, default=str)

    return lambda: [told(task) for task in tasks]


@pytest.mark.parametrize("first_message", [WORDS, WORDS + "{{ 1 / 0 }}"])
def test_nor_where_it_is_told_all_of_a_task_whether_or_not_its_templates_fail(
    airflow_database, voiceinfra, whole_tasks, first_message
):
    asked = {"first_message": first_message, "context": WORDS}
    row, objects = (
        {"to_number": "+12125550100"} | asked,
        {"metadata": {"reason": WORDS}, "variables": {"reason": WORDS}},
    )
    one_call.make_dag(one_call.plain, **asked, **objects).test()
    decorated.make_dag({"to_number": decorated.NUMBER} | objects, people=[decorated.NUMBER], **asked).test()
    call_lists.make_dag(call_lists.of_rows, calls=[row], **asked).test()
    told = "".join(whole_tasks())
    assert "task_id" in told
    assert "2125550100" not in told
    assert "4711" not in told


def test_lists_have_it_too():
    assert issubclass(OutboundCallListOperator, OpenLineageMixin)


def test_an_asset_is_named_as_openlineage_does():
    dataset = translate_airflow_asset(Asset("voiceinfra://calls/completed"), None)
    assert (dataset.namespace, dataset.name) == ("voiceinfra://calls", "completed")
