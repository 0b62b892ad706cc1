"""OpenLineage is told how many calls a task has placed and how they ended, and nobody's number or words."""

from __future__ import annotations

import json

import pytest
from airflow.providers.openlineage.utils.utils import translate_airflow_asset
from airflow.sdk import Asset
from openlineage.client.serde import Serde

from airflow_provider_voiceinfra.lineage import CallLineage
from tests.dags import one_call

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


def test_lists_have_it_too():
    from airflow_provider_voiceinfra.operators.call_list import OutboundCallListOperator

    assert issubclass(OutboundCallListOperator, CallLineage)


def test_an_asset_is_named_as_openlineage_does():
    dataset = translate_airflow_asset(Asset("voiceinfra://calls/completed"), None)
    assert (dataset.namespace, dataset.name) == ("voiceinfra://calls", "completed")
