"""What OpenLineage is told of the calls of a task: how many, and how they ended; nobody's number and no words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage


class CallLineage:
    """Gives an operator its lineage, which is asked for only where ``apache-airflow-providers-openlineage`` is.

    To be named after the operator's own base: Airflow cannot map an operator whose first base is another class.
    """

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """Name the calls that the task has placed so far, in this run."""
        import attr
        from airflow.providers.openlineage.extractors import OperatorLineage
        from openlineage.client.event_v2 import Dataset
        from openlineage.client.facet_v2 import RunFacet

        from airflow_provider_voiceinfra.config import call_store
        from airflow_provider_voiceinfra.context import task_source

        @attr.define
        class VoiceInfraCallsRunFacet(RunFacet):
            """How many calls are in each state, those that have ended by their outcome."""

            calls: dict[str, int]

        counts = call_store().calls.count_of_task(task_source(task_instance.get_template_context()))
        calls = Dataset(namespace="voiceinfra://calls", name="placed")
        return OperatorLineage(outputs=[calls], run_facets={"voiceinfra_calls": VoiceInfraCallsRunFacet(counts)})
